"""Floors point down, imports stay light, and every preset has an id."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import pytest

import edgeroute_env
from edgeroute_env import scenario_names

ROOT = Path(__file__).parents[2]
PACKAGE, BASELINES, AGENTS = "edgeroute_env", "edgeroute_baselines", "edgeroute_agents"
LIVE = "edgeroute_live"
BESIDE = ("studies", "validation", "website", "examples", "tests")
CODE = [
    path
    for folder in (PACKAGE, "baselines", "agents", "live", *BESIDE)
    for path in sorted((ROOT / folder).rglob("*.py"))
]
# Where a module lies -> what it may not import, by prefix of the module's full name.
FLOORS = {
    PACKAGE: [BASELINES, AGENTS, LIVE, *BESIDE],
    BASELINES: [AGENTS, LIVE, *BESIDE, f"{PACKAGE}.cli"],
    AGENTS: [LIVE, *BESIDE, f"{PACKAGE}.cli"],
    LIVE: [*BESIDE, f"{PACKAGE}.cli"],
    **{
        f"{PACKAGE}.{floor}": [f"{PACKAGE}.{above}" for above in upper.split()]
        for floor, upper in {
            "physics": "recordings traces simulator envs evaluation cli scenario",
            "recordings": "physics traces simulator envs evaluation cli scenario",
            "semantic": "physics recordings traces simulator envs evaluation cli scenario",
            "traces": "simulator envs evaluation cli",
            "simulator": "envs evaluation cli",
            "envs": "evaluation cli",
            "rendering": "evaluation cli",
            "evaluation": "cli",
        }.items()
    },
}
HEAVY = (
    "pandas pyarrow scipy matplotlib typer rich torch requests platformdirs hypothesis "
    "transformers tokenizers sklearn safetensors optuna pygame textual pettingzoo"
).split()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] in ("agents", "baselines", "live"):  # folders around the packages
        parts = parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of every module or member that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize("floor", FLOORS)
def test_floors_import_only_from_below(floor: str) -> None:
    files = [path for path in CODE if below(module_name(path), floor)]
    assert files
    above = [
        f"{module_name(path)} imports {name}"
        for path in files
        if not below(module_name(path), f"{PACKAGE}.cli")  # the one place that reaches across
        for name in imported(path)
        if any(below(name, prefix) for prefix in FLOORS[floor])
    ]
    assert above == []


def test_only_the_command_line_and_studies_train_scorers() -> None:
    training = f"{PACKAGE}.semantic.training"
    outside = [
        module_name(path)
        for path in CODE
        if not below(module_name(path), training)
        and any(below(name, training) for name in imported(path))
    ]
    assert all(name.partition(".")[0] in BESIDE or "cli" in name for name in outside), outside
    assert f"{PACKAGE}.cli.score" in outside


def test_modules_beside_the_floors_know_only_what_they_are_made_of() -> None:
    files = [path for path in CODE if path.parent.name == PACKAGE and path.name != "__init__.py"]
    assert files
    upper = [
        f"{PACKAGE}.{name}"
        for name in "recordings traces semantic simulator envs evaluation cli".split()
    ]
    above = [
        f"{module_name(path)} imports {name}"
        for path in files
        if path.name != "__main__.py"
        for name in imported(path)
        if any(below(name, prefix) for prefix in upper)
    ]
    assert above == []


def test_only_what_an_environment_never_loads_needs_the_heavy_packages() -> None:
    """At the top of a module, that is: inside a function they are loaded when asked for."""
    early = []
    for path in CODE:
        if not below(module_name(path), PACKAGE) or "cli" in path.parts:
            continue
        if below(module_name(path), f"{PACKAGE}.semantic.training"):
            continue
        if below(module_name(path), f"{PACKAGE}.rendering"):  # loaded once something is drawn
            continue
        if module_name(path) == f"{PACKAGE}.envs.cell":  # loaded by cell_env
            continue
        if path.name.endswith("tables.py") and path.parent.name == "evaluation":
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            early += [f"{path.name}: {n}" for n in names if n.partition(".")[0] in HEAVY]
    assert early == []


@pytest.mark.parametrize(
    "work", ["pass", "e = edgeroute_env.EdgeRouteEnv(); e.reset(seed=0); e.step(1)"]
)
def test_importing_and_stepping_load_no_heavy_package(work: str) -> None:
    program = f"import sys, edgeroute_env; {work}; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.split())
    assert {"edgeroute_env", "numpy", "gymnasium"} <= loaded
    # Numba asks for scipy's version where scipy is installed; its parts must stay away.
    unwanted = {*HEAVY, BASELINES, AGENTS, "scipy.stats"} - {"scipy"}
    assert loaded & unwanted == set()


def test_no_file_names_a_place_on_one_machine() -> None:
    place = re.compile(r"(?<![\w.])/(?:work|home|root|Users|mnt)/\w")
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in CODE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if place.search(line)
    ]
    assert named == []


def test_every_preset_has_an_id() -> None:
    ours = {name for name in gym.registry if name.startswith("EdgeRoute-")}
    assert ours == {"EdgeRoute-v0", *(f"EdgeRoute-{name}-v0" for name in scenario_names())}
    for name in scenario_names():
        assert edgeroute_env.load_scenario(name).name == name
        assert gym.spec(f"EdgeRoute-{name}-v0").kwargs["scenario"] == name
        env = gym.make(f"EdgeRoute-{name}-v0", disable_env_checker=True).unwrapped
        assert isinstance(env, edgeroute_env.EdgeRouteEnv)
        assert env.scenario == edgeroute_env.load_scenario(name)
    assert gym.spec("EdgeRoute-v0").kwargs["scenario"] == "paper"
