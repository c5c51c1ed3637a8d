"""Learned routers by name, as in `settings.KINDS`: a file, or one of `pretrained`."""

from __future__ import annotations

from pathlib import Path

from edgeroute_agents.policy import FILE, Policy, load_policy
from edgeroute_agents.settings import KINDS
from edgeroute_env.errors import InputError
from edgeroute_env.scenario import Scenario

PRETRAINED = Path(__file__).parent / "pretrained"
FIGURES = "figures.json"  # what all training seeds earn


def learned_names() -> list[str]:
    """Return the names of the learned routers."""
    return list(KINDS)


def packaged_folder(scenario_name: str, name: str) -> Path:
    """Return where a learned router's policy for a scenario lies, with its card and figures."""
    return PRETRAINED / f"{name}-{scenario_name}"


def pretrained_scenarios(name: str) -> list[str]:
    """Return the names of the scenarios that `name` has been trained on, sorted."""
    found = PRETRAINED.glob(f"{name}-*/{FILE}")
    return sorted(path.parent.name.removeprefix(f"{name}-") for path in found)


def packaged(scenario: Scenario) -> list[Policy]:
    """Return the policies that come with the package for exactly this scenario."""
    found = []
    for name in learned_names():
        path = packaged_folder(scenario.name, name) / FILE
        if path.is_file() and (policy := load_policy(path)).fits(scenario):
            found.append(policy)
    return found


def learned_router(name: str, scenario: Scenario, path: Path | None = None) -> Policy:
    """Return a learned router for a scenario.

    Args:
        name: of an algorithm, as in `edgeroute_agents.settings.KINDS`.
        scenario: what it is to route; it must have been trained on this very scenario.
        path: its file; by default the packaged one.

    Raises:
        InputError: there is none of that name or for that scenario, or the file cannot be used.
    """
    if name not in KINDS:
        raise InputError("router", name, "one of " + ", ".join(KINDS))
    file = path or packaged_folder(scenario.name, name) / FILE
    if path is None and not file.is_file():
        trained = ", ".join(pretrained_scenarios(name)) or "no scenario yet"
        allowed = f"a scenario that {name} was trained on ({trained}), or a policy's file"
        raise InputError("scenario", scenario.name, allowed)
    policy = load_policy(file, scenario)
    if policy.name != name:
        raise InputError("policy", f"{file}, trained by {policy.name}", f"a policy of {name}")
    return policy
