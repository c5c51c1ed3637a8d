"""Measures two servers and writes what was found as a scenario.

`measure` sends the requests, `terms` fits a law to them, `sides` knows which law, `written` writes
the scenario.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeroute_live.calibrating.measure import Measured, Plan, measure
from edgeroute_live.calibrating.sides import SideFit, fit_side
from edgeroute_live.calibrating.written import base_constants
from edgeroute_live.timing import Client, Endpoint, reached


async def calibrate(
    endpoint: Endpoint, side: str, plan: Plan, tell: Callable[[str], None]
) -> SideFit:
    """Measure one side's server with a few dozen requests and return its constants.

    Args:
        endpoint: its server; `model` must be one that it serves.
        side: "device" or "edge".
        plan: how much is asked.
        tell: takes a line before each stage.

    Raises:
        InputError: the server cannot be reached, or the measurements do not tell its speed.
    """

    async def measured(client: Client) -> Measured:
        return await measure(client, plan, tell, side == "edge")

    return fit_side(await reached(endpoint, measured, side), base_constants(side), side)
