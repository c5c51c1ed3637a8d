"""A report opens without a network, repeats what was stored, and names its axes with units."""

from __future__ import annotations

import html.parser
import re
import shutil
from pathlib import Path

import pytest

from edgeroute_baselines import make_router
from edgeroute_env.evaluation.findings import of_all, of_scenario
from edgeroute_env.evaluation.report.figures import FIGURES
from edgeroute_env.evaluation.report.turns import turns_of
from edgeroute_env.evaluation.results import read_results
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.plotting import styles
from tests.helpers.browser import browse, needs_chromium
from tests.helpers.command_line import ONE, Command

pytestmark = pytest.mark.thorough


class Links(html.parser.HTMLParser):
    """What a page would load, its pictures' texts, and its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.alts: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [value or "" for key, value in attrs if key in ("src", "href")]
        self.scripts += tag == "script"
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


def test_the_page_needs_no_network_and_holds_every_router(reported: Path) -> None:
    text = (reported / "report.html").read_text("utf-8")
    links = Links()
    links.feed(text)
    assert links.loads
    assert all(value.startswith("data:") for value in links.loads)
    assert len(links.alts) == len(FIGURES)
    assert all(links.alts)
    assert links.scripts == 0
    assert "@media print" in text
    found = read_results(Path("out"))[1]["tiny"]
    for name in found.routers:
        assert f">{name}" in text
        assert f"{found.figures(name)['return']:.2f}" in text
    assert text.count("(not causal)<") == sum(not found.role(name).causal for name in found.routers)


def test_the_page_opens_with_the_finding_and_the_short_table(reported: Path) -> None:
    text = (reported / "report.html").read_text("utf-8")
    found = read_results(Path("out"))[1]["tiny"]
    body = html.unescape(text.partition("<body>")[2])
    assert body.index(of_all({"tiny": found})) < body.index(of_scenario(found))
    assert body.index(of_scenario(found)) < body.index("<table") < body.index("<figure")
    table = text.partition('<table class="telling">')[2].partition("</table>")[0]
    assert re.findall(r"<tr[^>]*>\n<td>([^<]*)</td>", table) == found.telling()
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
        panels = draw(found, turns, styles(turns)).axes
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
    browse(reported / "report.html", f"--screenshot={picture}", "--window-size=1200,3000")
    assert picture.stat().st_size > 20_000
