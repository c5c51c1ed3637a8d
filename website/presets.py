"""A page and an animation of each preset: what it shows, its returns, its values with sources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, islice
from textwrap import indent

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edgeroute_agents import packaged
from edgeroute_baselines import fitted_router, make_router
from edgeroute_env import Scenario, load_scenario, scenario_names
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.plotting import COLOURS, blank_figure
from edgeroute_env.provenance import Row, provenance
from edgeroute_env.rendering.film import frames, save
from edgeroute_env.rendering.run import Run
from edgeroute_env.traces.recorded import drawn
from website.folders import PAGES, table, write

EPISODES, SHOWN_TURNS, FRAMES_PER_S = 40, 39, 4.0
_LIST = """# Presets

A scenario that comes with EdgeRoute is a preset. [Scenarios](../scenarios.md) tells what couples
the turns of each, and why that matters.
"""
_ENTRY = """
## [{name}]({name}.md)

{description}

[![An episode of {name}](films/{name}.webp){{ width=400 loading=lazy }}]({name}.md)
"""
_PAGE = """# {name}

{description}

```python
import gymnasium as gym
import edgeroute_env

env = gym.make("EdgeRoute-{name}-v0")
```

![The first {shown} turns of an episode](films/{name}.webp)

The first turns of seed 0, routed by `bao-multi-queue`
([what the picture shows](../rendering.md#what-a-picture-shows)).

## Its returns

{episodes} episodes of {turns} turns, all routers on the same traces. Boxes hold the middle half,
whiskers reach from 5 to 95 %. [Results](../results.md) has every router.

![Returns by router](films/{name}.svg)

{means}
## What is its own

Marks: M measured, D derived from what is measured, A our assumption.

{own}
## All values

{values}"""


def write_presets() -> None:
    """Write all presets' pages, and the page that leads to them."""
    text = _LIST
    for name in scenario_names():
        scenario = load_scenario(name)
        write_preset(scenario)
        text += _ENTRY.format(name=name, description=scenario.description)
    write("presets/index.md", text)


def write_preset(scenario: Scenario) -> None:
    """Write a preset's page, its film and the picture of its returns."""
    films = PAGES / "presets" / "films"
    films.mkdir(parents=True, exist_ok=True)
    rule = fitted_router(scenario, "synthetic", "bao-multi-queue")
    run = Run(rule, scenario, drawn(scenario, "synthetic"), 0)
    shown = islice(frames([run]), SHOWN_TURNS + 1)
    save(films / f"{scenario.name}.webp", shown, FRAMES_PER_S)
    routers = [make_router("device"), make_router("edge"), rule, *packaged(scenario)]
    names = [router.name for router in routers]
    returns = evaluation_returns(routers, scenario, EPISODES)
    _plot(names, returns).savefig(films / f"{scenario.name}.svg")
    write(f"presets/{scenario.name}.md", _text(scenario, names, returns))


def _text(scenario: Scenario, names: Sequence[str], returns: NDArray[np.float64]) -> str:
    rows = [r for r in provenance(scenario.name) if r.field not in ("name", "description")]
    own = [row for row in rows if row.file == f"scenarios/{scenario.name}.yaml"]
    means = [
        (f"`{name}`", f"{mean:.2f}") for name, mean in zip(names, returns.mean(1), strict=True)
    ]
    folded = ""
    for part, of_part in groupby(rows, lambda row: row.field.split(".")[0]):
        folded += f'??? note "{part}"\n\n{indent(_values(list(of_part)), " " * 4)}\n'
    return _PAGE.format(
        name=scenario.name,
        description=scenario.description,
        shown=SHOWN_TURNS,
        episodes=EPISODES,
        turns=scenario.workload.turns,
        means=table(("router", "mean return"), *means),
        own=_values(own),
        values=folded,
    )


def _values(rows: Sequence[Row]) -> str:
    """Return values as a table, with unit, mark and source."""
    cells = [
        (f"`{row.field}`", _plain(row.text()), row.unit, row.mark, _plain(row.source))
        for row in rows
    ]
    return table(("field", "value", "unit", "mark", "source"), *cells)


def _plain(text: str) -> str:
    """Return a text that Markdown's tables leave as it is."""
    return re.sub(r"([|*_])", r"\\\1", text).replace("<", "&lt;")


def _plot(names: Sequence[str], returns: NDArray[np.float64]) -> Figure:
    """Draw each router's returns, shape (routers, episodes), the first on top."""
    figure = blank_figure(7.0, 0.6 + 0.4 * len(names))
    axes = figure.add_subplot()
    boxes = axes.boxplot(
        list(returns[::-1]),
        orientation="horizontal",
        tick_labels=names[::-1],
        whis=(5, 95),
        flierprops={"markersize": 3},
        patch_artist=True,
        medianprops={"color": "black"},
    )
    for box, colour in zip(boxes["boxes"], COLOURS[len(names) : 0 : -1], strict=True):
        box.set_facecolor(colour)
    axes.set_xlabel("return of an episode")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
