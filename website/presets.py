"""A page and an animation of each preset: what it shows, its returns, its values with sources."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice

import numpy as np
from numpy.typing import NDArray

from edgeroute_agents import packaged
from edgeroute_baselines import fitted_router, make_router
from edgeroute_env import Scenario, load_scenario, scenario_names
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.plotting import COLOURS, blank_figure
from edgeroute_env.provenance import Row, provenance
from edgeroute_env.rendering.film import frames, save
from edgeroute_env.rendering.run import Run
from edgeroute_env.routing import Router
from edgeroute_env.traces.recorded import drawn
from website.folders import PAGES, table, write

EPISODES, SHOWN_TURNS, FRAMES_PER_S = 40, 40, 4.0


def write_presets() -> None:
    """Write all presets' pages, and the page that leads to them."""
    text = "# Presets\n\n"
    text += "A scenario that comes with EdgeRoute is a preset. [Scenarios](../scenarios.md) tells\n"
    text += "what couples the turns of each, and why that matters.\n"
    for name in scenario_names():
        scenario = load_scenario(name)
        page(scenario)
        text += f"\n## [{name}]({name}.md)\n\n{scenario.description}\n\n"
        text += f"[![An episode of {name}](films/{name}.webp){{ loading=lazy }}]({name}.md)\n"
    write("presets/index.md", text)


def page(scenario: Scenario) -> None:
    """Write a preset's page, its film and the picture of its returns."""
    name = scenario.name
    rule = fitted_router(scenario, "synthetic", "bao-multi-queue")
    write(f"presets/{name}.md", f"# {name}\n\n{scenario.description}\n")  # makes the folder
    film = PAGES / "presets" / "films" / f"{name}.webp"
    film.parent.mkdir(exist_ok=True)
    run = Run(rule, scenario, drawn(scenario, "synthetic"), 0)
    save(film, islice(frames([run]), SHOWN_TURNS), FRAMES_PER_S)
    routers = [make_router("device"), make_router("edge"), rule, *packaged(scenario)]
    returns = evaluation_returns(routers, scenario, EPISODES)
    _plot(scenario, routers, returns)
    write(f"presets/{name}.md", _text(scenario, routers, returns))


def _text(scenario: Scenario, routers: Sequence[Router], returns: NDArray[np.float64]) -> str:
    name, rows = scenario.name, provenance(scenario.name)
    own = [row for row in rows if row.file == f"scenarios/{name}.yaml"]
    means = [(f"`{r.name}`", f"{each.mean():.2f}") for r, each in zip(routers, returns, strict=True)]
    text = f"# {name}\n\n{scenario.description}\n\n"
    text += f'```python\nimport gymnasium as gym\nimport edgeroute_env\n\nenv = gym.make("EdgeRoute-{name}-v0")\n```\n\n'
    text += f"![The first {SHOWN_TURNS - 1} turns of an episode](films/{name}.webp)\n\n"
    text += f"The first turns of seed 0, routed by `bao-multi-queue` "
    text += "([what the picture shows](../rendering.md#what-a-picture-shows)).\n\n"
    text += f"## Its returns\n\n{EPISODES} episodes of {scenario.workload.turns} turns, "
    text += "all routers on the same traces. [Results](../results.md) has every router.\n\n"
    text += f"![Returns by router](films/{name}.svg)\n\n"
    text += table(("router", "mean return"), *means)
    text += "\n## What is its own\n\n" + _values(own) + "\n## All values\n\n"
    for part, of_part in groupby(rows, lambda row: row.field.split(".")[0]):
        text += f'??? note "{part}"\n\n'
        text += "".join(f"    {line}\n" for line in _values(list(of_part)).splitlines()) + "\n"
    return text


def _values(rows: Sequence[Row]) -> str:
    """Return values as a table, with unit, mark and source."""
    cells = [
        (f"`{row.field}`", _plain(row.text()), row.unit, row.mark, _plain(row.source))
        for row in rows
        if row.field not in ("name", "description")
    ]
    return table(("field", "value", "unit", "mark", "source"), *cells)


def _plain(text: str) -> str:
    """Return a text that Markdown's tables leave as it is."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")


def _plot(scenario: Scenario, routers: Sequence[Router], returns: NDArray[np.float64]) -> None:
    """Draw each router's returns: a box with the middle half, whiskers to 5 and 95 %."""
    figure = blank_figure(7.0, 0.6 + 0.4 * len(routers))
    axes = figure.add_subplot()
    boxes = axes.boxplot(
        list(returns[::-1]),
        orientation="horizontal",
        tick_labels=[router.name for router in routers][::-1],
        whis=(5, 95),
        showmeans=True,
        patch_artist=True,
        medianprops={"color": "black"},
    )
    for box, colour in zip(boxes["boxes"], COLOURS[len(routers) : 0 : -1], strict=True):
        box.set_facecolor(colour)
    axes.set_xlabel("return of an episode")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PAGES / "presets" / "films" / f"{scenario.name}.svg")
