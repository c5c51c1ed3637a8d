"""Pages from the code alone: what a router observes and how it is paid, and the API."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from importlib import import_module

from edgeroute_env import FEATURES, EdgeRouteEnv, load_scenario, scenario_names
from edgeroute_env.objective import Weights
from website.folders import ROOT, table, write

PACKAGES = {
    "edgeroute_env": "The environments, scenarios and traces, and how routers are run.",
    "edgeroute_baselines": "Routers by name, their fits, and the comparison of them all.",
    "edgeroute_agents": "Learned routers: training, policies, the environments for SB3.",
}
_REWARD = r"""
The reward of a turn is

\[
r = w_q\,q - w_t\,t - w_e\,e - w_c\,c - w_f\,f
\]

with the answer's quality \(q\), the latency \(t\) in seconds, the phone's energy \(e\) in joules,
\(c = 1\) where the edge was called and \(f = 1\) where the turn failed. The five weights are the
scenario's; they stand below. `info` holds the five terms (`reward_quality` and so on), which sum
to \(r\).

### Weights of the presets

"""
_LINKS = {
    "docs/model.md, What a router knows": "[What a router knows](model.md#what-a-router-knows)",
    "docs/model.md has": "[The model](model.md) has",
    "docs/clients.md says": "[Other RL libraries](clients.md) says",
}
_IMPORTED = re.compile(r"^from (edgeroute_[\w.]+) import ([\w, ]+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_observation() -> None:
    """Write the page on observation and reward, from the environment's specification."""
    parts = _specification()
    seen = re.sub(r"(?:^\|.*\n)+", lambda _: _features(), parts["Observation Space"], flags=re.M)
    parts |= {"Observation Space": seen, "Rewards": parts["Rewards"] + _REWARD + _weights()}
    text = "# Observation and reward\n\n" + parts.pop("Description")
    del parts["Version History"]
    text += "".join(f"\n## {name.capitalize()}\n\n{part}" for name, part in parts.items())
    for word, link in _LINKS.items():
        text = text.replace(word, link)
    write("observation.md", text)


def write_api() -> None:
    """Write a page for each package: its own names, and those that the pages import."""
    wanted = defaultdict[str, set[str]](set)
    for name in PACKAGES:
        wanted[name].update(import_module(name).__all__)
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for block in _BLOCK.findall(page.read_text("utf-8")):
            for module, names in _IMPORTED.findall(block):
                wanted[module].update(names.split(", "))
    for package, what in PACKAGES.items():
        text = f"# {package}\n\n{what}\n"
        for module in sorted(wanted):
            if module.split(".")[0] == package:
                text += f"\n## {module}\n\n"
                text += "".join(f"::: {module}.{name}\n\n" for name in sorted(wanted[module]))
        write(f"api/{package}.md", text)


def _specification() -> dict[str, str]:
    """Return the sections of the environment's docstring by their heading."""
    text = inspect.getdoc(EdgeRouteEnv) or ""
    sections = (part.partition("\n\n") for part in text.split("## ")[1:])
    return {name: body for name, _, body in sections}


def _features() -> str:
    rows = [("number", "feature", "meaning", "unit", "divided by", "from", "to")]
    for i, one in enumerate(FEATURES):
        bounds = (f"{one.scale:g}", f"{one.low:g}", f"{one.high:g}")
        rows.append((str(i), f"`{one.name}`", one.meaning, one.unit, *bounds))
    return table(*rows)


def _weights() -> str:
    names = list(Weights.model_fields)
    rows = [("preset", "objective", *(f"`{name}`" for name in names))]
    for name in scenario_names():
        scenario = load_scenario(name)
        drawn = scenario.users.draws if scenario.users else {}
        values = (
            "each user's own"
            if f"weights.{field}" in drawn
            else f"{getattr(scenario.weights, field):g}"
            for field in names
        )
        rows.append((f"[{name}](presets/{name}.md)", f"`{scenario.objective.kind}`", *values))
    return table(*rows)
