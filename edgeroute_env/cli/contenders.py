"""What a benchmark compares beside the registry's routers: policies, and routers of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeroute_env.cli.own_router import OWN
from edgeroute_env.errors import InputError, needs
from edgeroute_env.evaluation.compare import Contender
from edgeroute_env.parallel import Plan, Task
from edgeroute_env.routing import Role
from edgeroute_env.scenario import Scenario

if TYPE_CHECKING:
    from edgeroute_agents import Policy

OwnRoutersOption = Annotated[
    list[str] | None,
    typer.Option("--router", metavar=OWN, help="Add a router of yours; may be repeated."),
]
PoliciesOption = Annotated[
    list[Path] | None,
    typer.Option("--policy", metavar="FILE", help="Add what edgeroute train wrote; repeatable."),
]


def chosen_routers(text: str | None, reference: str) -> list[str] | None:
    """Return the names in a text with commas between, the reference among them; None: all.

    Raises:
        InputError: a name is unknown.
    """
    from edgeroute_agents import learned_names
    from edgeroute_baselines import router_names

    if text is None:
        return None
    known = [*router_names(), *learned_names()]
    names = [reference, *(name.strip() for name in text.split(","))]
    for name in names:
        if name not in known:
            allowed = f"names with commas between, of {', '.join(known)}; --router adds yours"
            raise InputError("--routers", name, allowed)
    return names


def own_policies(files: Sequence[Path], scenarios: Sequence[Scenario]) -> list[Policy]:
    """Return the policies in some files; InputError where one is of none of the scenarios."""
    from edgeroute_agents import load_policy

    found = [load_policy(path) for path in files]
    for path, policy in zip(files, found, strict=True):
        if not any(policy.fits(scenario) for scenario in scenarios):
            names = ", ".join(scenario.name for scenario in scenarios)
            allowed = f"a policy trained on {names} as asked for, with the same --set"
            raise InputError("--policy", str(path), allowed)
    return found


def learned(
    scenario: Scenario, own: Sequence[Policy], wanted: Sequence[str] | None, folder: Path | None
) -> Plan[list[Contender]]:
    """Plan the policies that meet a scenario: those of one's own that fit it, then ours.

    Ours are the packaged ones, or trained now in `folder`; of these, those that are wanted and have
    no namesake among one's own.
    """
    from edgeroute_agents import learned_names, packaged

    fitting = [policy for policy in own if policy.fits(scenario)]
    taken = [policy.name for policy in fitting]
    names = [
        name for name in learned_names() if name not in taken and (wanted is None or name in wanted)
    ]
    if folder is None:
        ours = [policy for policy in packaged(scenario) if policy.name in names]
    else:
        found = yield [_training(scenario, name, folder / "policies") for name in names]
        ours = [policy for policy, _ in found]
    return [policy_contender(policy) for policy in (*fitting, *ours)]


def policy_contender(policy: Policy) -> Contender:
    """Return a policy with its part in a comparison."""
    return Contender(
        policy, Role.LEARNED, fingerprint=policy.fingerprint(), bare_rule=policy.bare_rule
    )


def _training(scenario: Scenario, algorithm: str, folder: Path) -> Task:
    from edgeroute_agents.settings import load_settings

    with needs("--train", "agents"):
        from edgeroute_agents.pretraining import training
    return training(scenario, load_settings(algorithm), folder / f"{scenario.name}-{algorithm}", 0)
