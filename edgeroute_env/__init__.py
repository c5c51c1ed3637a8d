"""EdgeRoute: route LLM queries between a phone and an edge server.

Importing this package registers `EdgeRoute-v0` and, for each preset, `EdgeRoute-NAME-v0`; the same
with `mo-` in front pay each objective apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym

from edgeroute_env.envs.edge_route import EdgeRouteEnv
from edgeroute_env.envs.edge_route_mo import EdgeRouteMOEnv
from edgeroute_env.envs.edge_route_vector import EdgeRouteVectorEnv
from edgeroute_env.envs.observation import decode
from edgeroute_env.envs.setup import ScenarioLike
from edgeroute_env.errors import InputError, needs
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import DEFAULT, load_scenario, scenario_names
from edgeroute_env.simulator.features import FEATURES
from edgeroute_env.traces.trace import Trace

if TYPE_CHECKING:
    from edgeroute_env.envs.cell import CellEnv

__all__ = [
    "FEATURES",
    "EdgeRouteEnv",
    "EdgeRouteMOEnv",
    "EdgeRouteVectorEnv",
    "InputError",
    "Scenario",
    "Trace",
    "cell_env",
    "decode",
    "load_scenario",
    "scenario_names",
]
__version__ = "0.1.0"


def cell_env(scenario: ScenarioLike = "busy-cell", **arguments: Any) -> CellEnv:
    """Return the cell of a scenario by PettingZoo's AEC interface: an agent a phone.

    Takes the arguments of `edgeroute_env.envs.cell.CellEnv`, which says what agents see and get.

    Raises:
        InputError: PettingZoo is missing, or an argument is bad.
    """
    with needs("agents of a cell", "multi"):  # here: nobody else needs PettingZoo
        from edgeroute_env.envs.cell import CellEnv

    return CellEnv(scenario, **arguments)


def _register(identifier: str, scenario: str) -> None:
    gym.register(
        id=identifier,
        entry_point="edgeroute_env.envs.edge_route:EdgeRouteEnv",
        vector_entry_point="edgeroute_env.envs.edge_route_vector:EdgeRouteVectorEnv",
        kwargs={"scenario": scenario},
    )
    gym.register(
        id=f"mo-{identifier}",
        entry_point="edgeroute_env.envs.edge_route_mo:EdgeRouteMOEnv",
        disable_env_checker=True,  # it takes a reward of several entries for a mistake
        kwargs={"scenario": scenario},
    )


_register("EdgeRoute-v0", DEFAULT)
for _name in scenario_names():
    _register(f"EdgeRoute-{_name}-v0", _name)
