"""A report opens without a network, repeats what was stored, and names its axes with units."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from edgeroute_baselines import make_router
from edgeroute_env.evaluation.findings import in_short, of_all, of_scenario
from edgeroute_env.evaluation.report.episode import replayed
from edgeroute_env.evaluation.report.figures import FIGURES, opening
from edgeroute_env.evaluation.report.labels import label
from edgeroute_env.evaluation.report.turns import turns_of
from edgeroute_env.evaluation.results import read_results
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.plotting import blank_figure, styles
from edgeroute_env.routing import Role
from tests.helpers.browser import browse, needs_chromium
from tests.helpers.command_line import ONE, TWO, Command

pytestmark = pytest.mark.thorough


class Links(html.parser.HTMLParser):
    """What a page would load, its pictures' texts, its scripts and the pages inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.alts: list[str] = []
        self.scripts = 0
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [value or "" for key, value in attrs if key in ("src", "href")]
        self.scripts += tag == "script"
        if tag == "iframe":
            assert given["sandbox"] == "allow-scripts"  # its script cannot reach the page
            self.inside.append(given["srcdoc"] or "")
        if tag == "img":
            self.alts.append(given.get("alt") or "")


@pytest.fixture
def reported(edgeroute_small: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in a folder of the test's own; it is made once, since that takes seconds."""
    made = tmp_path_factory.getbasetemp() / "reported"
    if not made.exists():
        assert edgeroute_small(*ONE).code == 0
        assert edgeroute_small("report", "out").code == 0
        shutil.copytree("out", made)
    else:
        shutil.copytree(made, "out")
    return Path("out/report")


def links_of(text: str) -> Links:
    links = Links()
    links.feed(text)
    assert links.loads
    assert all(value.startswith("data:") for value in links.loads)
    return links


def plain(text: str) -> str:
    """Return a page's words without tags, each gap as one space."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


def test_the_page_needs_no_network_and_holds_every_router(reported: Path) -> None:
    text = (reported / "report.html").read_text("utf-8")
    links = links_of(text)
    assert len(links.alts) == len(FIGURES)
    assert all(links.alts)
    assert links.scripts == 0
    (replay,) = links.inside
    assert links_of(replay).scripts == 2  # the record and what draws it
    assert not re.search(r"https?://", text)
    assert "@media print" in text
    found = read_results(Path("out"))[1]["tiny"]
    for name in found.routers:
        assert f">{name}" in text
        assert f"{found.figures(name)['return']:.2f}" in text
    assert text.count("<small>not causal<") == sum(
        not found.role(name).causal for name in found.routers
    )


def test_the_page_opens_with_the_finding_and_the_short_table(reported: Path) -> None:
    text = (reported / "report.html").read_text("utf-8")
    found = read_results(Path("out"))[1]["tiny"]
    body = text.partition("<body>")[2]
    assert of_scenario(found) in plain(body.partition("<table")[0])
    above, _, below = body.partition("<details")
    assert of_all({"tiny": found}) in plain(below)  # long: a phone's screen would hold nothing else
    assert "claim" not in plain(above)
    parts = ("<h1", "<table", 'alt="tiny: Quality against', "<iframe", "<details")
    places = [body.index(part) for part in parts]
    assert places == sorted(places)
    # All but the short table and the picture of two panels is below the fold.
    assert body.count("<table") == 2
    assert body.index("<details") < body.rindex("<table")
    assert body[: places[-1]].count("<img") == 2
    table = text.partition('<table class="telling">')[2].partition("</table>")[0]
    assert re.findall(r'data-mark="[^"]+" style="--c:#\w+">([^<]*)<', table) == found.telling()
    for name in found.telling():
        assert f"<td>{with_interval(found.routers[name]['over_constant'])}</td>" in table


def test_the_page_fits_a_phones_screen(reported: Path) -> None:
    text = (reported / "report.html").read_text("utf-8")
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert re.search(r"\btd \{[^}]*white-space: nowrap", text)  # an interval is not broken
    assert re.search(r"\.wide \{[^}]*overflow-x: auto", text)
    # All that may be wider than the screen has a box of its own.
    wide = len(re.findall(r"<(?:table|pre)\b", text))
    assert wide == len(re.findall(r'<div class="wide"><(?:table|pre)\b', text)) >= 3
    assert "no unit" not in text
    for path in reported.glob("*.svg"):
        assert "no unit" not in path.read_text("utf-8")


def test_no_line_ends_inside_an_interval(reported: Path) -> None:
    text = (reported / "report.html").read_text("utf-8")
    found = read_results(Path("out"))[1]["tiny"]
    tuned = found.levels["analytic"]
    gain = with_interval(found.routers[tuned]["over_constant"])
    assert f'<span class="interval">({gain})</span>' in text
    assert ".interval { white-space: nowrap; }" in text


def test_the_picture_names_the_rules_and_the_bound(reported: Path) -> None:
    found = read_results(Path("out"))[1]["tiny"]
    rule, tuned = found.against_static["rule"], found.levels["analytic"]
    names = [f"{rule} (paper's rule)", f"{tuned} (tuned rule)"]
    names += [f"{name} (bound)" for name in found.names(Role.BOUND)]
    alts = links_of((reported / "report.html").read_text("utf-8")).alts
    described = [alt for alt in alts if "Quality against" in alt]
    assert len(described) == 2
    for key, alt in zip(("pareto", "calls"), described, strict=True):
        drawn = html.unescape((reported / f"tiny-{key}.svg").read_text("utf-8"))
        for name in names:
            assert f"{name}: {found.figures(name.split(' ')[0])['quality']:.3f} at " in alt
            assert f"<!-- {name} -->" in drawn


def test_names_hide_neither_points_nor_each_other() -> None:
    figure = blank_figure(4.2, 3.6)
    axes = figure.subplots()
    # Eight close to a corner, as routers are that send nearly all to the edge, and one far away.
    points = {f"router-{i}": (0.9 + 0.01 * i, 0.9 + 0.004 * (i % 3)) for i in range(8)}
    points["far"] = (0.0, 0.5)
    for x, y in points.values():
        axes.plot(x, y, "o")
    label(figure, axes, points)
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert sorted(text.get_text() for text in axes.texts if text.get_text()) == sorted(points)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    for place in axes.transData.transform(list(points.values())):
        assert not any(box.contains(*place) for box in boxes)
    assert all(axes.bbox.contains(*corner) for box in boxes for corner in box.corners())


def test_the_page_opens_with_nine_routers_at_most(edgeroute_small: Command) -> None:
    edgeroute_small(*ONE)
    found = read_results(Path("out"))[1]["tiny"]
    assert opening(found) == found.telling()
    edge, last = found.routers["edge"], found.telling()[-1]
    own = {
        f"own-{i}": {**edge, "role": Role.LEARNED, "figures": {**edge["figures"], "return": i}}
        for i in range(9)
    }
    many = replace(found, routers={**found.routers, **own}, policies=dict.fromkeys(own, ""))
    assert len(opening(many)) == 9
    assert {"own-8", last, found.levels["analytic"]} < set(opening(many))
    assert "own-0" not in opening(many)


def test_the_replay_is_an_episode_of_the_results(reported: Path) -> None:
    found = read_results(Path("out"))[1]["tiny"]
    (replay,) = links_of((reported / "report.html").read_text("utf-8")).inside
    held = json.loads(re.findall(r'id="record">(.*?)</script>', replay, re.DOTALL)[0])
    assert held["title"] == f"tiny, evaluation seed {found.seeds[0]}"
    names = [found.levels["analytic"], found.against_static["rule"]]  # no policy fits the scenario
    assert [run["router"] for run in held["runs"]] == names
    routers = {name: make_router(name, found.routers[name]["parameters"]) for name in names}
    shown = turns_of(found, routers)
    for name, run in zip(names, held["runs"], strict=True):
        latency_s = shown[name].run.outcomes["latency_s"][:, 0]
        assert run["turns"]["latency_s"] == pytest.approx(latency_s, rel=1e-4)


def test_the_best_policy_stands_beside_the_tuned_rule(edgeroute_small: Command) -> None:
    edgeroute_small(*ONE)
    found = read_results(Path("out"))[1]["tiny"]
    by_return = sorted(("device", "edge"), key=lambda name: found.figures(name)["return"])
    found = replace(found, policies=dict.fromkeys(by_return, ""))
    tuned = found.levels["analytic"]
    routers = {n: make_router(n, found.routers[n]["parameters"]) for n in (*by_return, tuned)}
    held = replayed(found, routers)
    assert [run["router"] for run in held["runs"]] == [tuned, by_return[-1]]
    assert [run["count"] for run in held["runs"]] == [6, 6]


def test_a_router_has_a_colour_and_marker_of_its_own() -> None:
    nine = styles(map(str, range(9)))
    assert len({style["color"] for style in nine.values()}) == 9
    many = styles(map(str, range(40)))
    assert len({(style["color"], style["marker"]) for style in many.values()}) == 40
    assert {name: many[name] for name in nine} == nine


def test_every_figure_is_there_as_png_and_svg(reported: Path) -> None:
    for name in FIGURES:
        assert (reported / f"tiny-{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (reported / f"tiny-{name}.svg").read_bytes()


def test_the_same_results_give_the_same_page(reported: Path, edgeroute_small: Command) -> None:
    assert edgeroute_small("report", "out/results.json", "--out", "again").code == 0
    for path in reported.iterdir():
        assert (Path("again") / path.name).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_further_scenarios_are_folded(edgeroute_small: Command) -> None:
    assert edgeroute_small(*TWO).code == 0
    assert edgeroute_small("report", "out").code == 0
    text = Path("out/report/report.html").read_text("utf-8")
    assert text.count("<iframe") == 1
    above, _, below = text.partition('<details class="scenario">')
    assert above.count('class="telling"') == below.count('class="telling"') == 1
    assert "tinier: Quality against" in below
    opening = above.partition("<body>")[2].partition("<details>")[0]
    assert "tinier: " not in opening
    assert in_short(read_results(Path("out"))[1]) in plain(opening)


def test_the_short_finding_counts_scenarios(edgeroute_small: Command) -> None:
    edgeroute_small(*ONE)
    found = read_results(Path("out"))[1]["tiny"]
    rows = {"win": (1.0, 2.0), "tie": (-1.0, 1.0), "loss": (-2.0, -1.0)}
    compared = {}
    for name, (low, high) in rows.items():
        own = {"over_analytic": {"mean": (low + high) / 2, "low": low, "high": high}}
        compared[name] = replace(found, policies={"ppo": ""}, routers={**found.routers, "ppo": own})
    compared["again"] = compared["win"]
    assert in_short(compared) == (
        "ppo beats the tuned rule outside the interval on 2 of 4 scenarios, ties with it on 1 and "
        "loses to it on 1."
    )
    assert "none" in in_short({"tie": compared["tie"]})


def test_every_axis_has_a_unit(edgeroute_small: Command) -> None:
    edgeroute_small(*ONE)
    found = read_results(Path("out"))[1]["tiny"]
    names = ("edge", "bao-multi-queue", "clairvoyant")
    assert set(names) <= set(found.telling())
    routers = {n: make_router(n, found.routers[n]["parameters"]) for n in names}
    turns = turns_of(found, routers)
    for name in names[:2]:  # what is drawn is what was stored
        assert turns[name].run.by_episode("latency_s").mean() == pytest.approx(
            found.figures(name)["latency_mean_s"]
        )
    for draw, _ in FIGURES.values():
        panels = draw(found, turns, styles(found.telling())).axes
        assert panels
        columns = {axes.get_subplotspec().colspan.start: axes for axes in panels}
        rows = {axes.get_subplotspec().rowspan.start: axes for axes in panels[::-1]}
        for axes in columns.values():  # the lowest names the shared axis
            assert ", " in axes.get_xlabel()
        for axes in rows.values():
            # Names on an axis have no unit.
            assert ", " in axes.get_ylabel() or set(names) <= {
                tick.get_text() for tick in axes.get_yticklabels()
            }


def test_bad_results_and_folders_are_refused(reported: Path, edgeroute_small: Command) -> None:
    Path("bad.json").write_text('{"scenarios": 1}')
    Path("cut.json").write_text('{"scenarios": ')
    for given, words in (
        (["report", "out"], "--out"),
        (["report", "nowhere"], "results: got 'nowhere'"),
        (["report", "bad.json"], "results: got 'bad.json'"),
        (["report", "cut.json"], "results: got 'cut.json'"),
        (["report", "out", "--scenario", "huge"], "--scenario: got 'huge'; allowed: one of tiny"),
    ):
        ended = edgeroute_small(*given)
        assert (ended.code, ended.err.count("\n")) == (2, 1), given
        assert words in ended.err
    assert edgeroute_small("report", "out", "--overwrite").code == 0


@needs_chromium
def test_the_page_opens_in_a_browser(reported: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    time_passes = "--virtual-time-budget=3000"  # the replay's script has room to fail aloud
    browse(
        reported / "report.html", f"--screenshot={picture}", "--window-size=1200,3000", time_passes
    )
    assert picture.stat().st_size > 20_000


@needs_chromium
def test_the_replay_scrubs_inside_the_page(reported: Path, tmp_path: Path) -> None:
    text = (reported / "report.html").read_text("utf-8")
    # Late enough for the replay to have put its turn into an address, were it its own.
    press = """<script>
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "End" }));
    const told = () => document.getElementById("when").textContent;
    setTimeout(() => parent.postMessage(told(), "*"), 900);
    </script></body>"""
    hear = """<script>
    addEventListener("message", (told) => document.title = told.data);
    </script></body>"""
    # In a process of its own the replay would not be waited for.
    text = text.replace(' sandbox="allow-scripts"', "")
    text = text.replace(html.escape("</body>"), html.escape(press)).replace("</body>", hear)
    page = tmp_path / "pressed.html"
    page.write_text(text, encoding="utf-8")
    assert "over, 6 turns</title>" in browse(page, "--dump-dom", "--virtual-time-budget=4000")
