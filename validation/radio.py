"""Path loss and line of sight beside an independent evaluation of TR 38.901."""

from __future__ import annotations

from typing import NamedTuple

from edgeroute_env.physics import radio
from validation.section import Comparison, Section, table
from validation.tr38901 import Specification

NAMES = {"umi": "UMi street canyon", "uma": "UMa", "inh": "InH mixed office"}
BS_HEIGHT_M = {"umi": 10.0, "uma": 25.0, "inh": 3.0}  # TR 38.901 Tables 7.2-1 and 7.2-2
UT_HEIGHT_M, CARRIER_GHZ = 1.5, 3.5
OUTDOOR_M, INDOOR_M = (10, 18, 50, 100, 200, 500, 1000, 2000), (1, 3, 6.5, 10, 25, 50, 100)
LOSS, SIGHT = "Path loss, TR 38.901", "Probability of line of sight, TR 38.901"


class Place(NamedTuple):
    """What the model and the specification say of one distance: losses (dB), P(line of sight)."""

    environment: str
    distance_m: float
    los_db: tuple[float, float]
    nlos_db: tuple[float, float]
    sight: tuple[float, float]


def places() -> list[Place]:
    """Return the table of distances; ImportError where `tr3gpp` is not installed."""
    specification = Specification()
    found = []
    for environment, height_m in BS_HEIGHT_M.items():
        number = radio.ENVIRONMENTS[environment]
        for metres in INDOOR_M if environment == "inh" else OUTDOOR_M:
            d = float(metres)
            where = (d, CARRIER_GHZ, height_m, UT_HEIGHT_M)
            los, nlos = (radio.path_loss_db(number, seen, *where) for seen in (True, False))
            los_theory, nlos_theory = specification.path_loss_db(environment, *where)
            sight = radio.los_probability(number, d), specification.los_probability(environment, d)
            found.append(Place(environment, d, (los, los_theory), (nlos, nlos_theory), sight))
    return found


def section() -> Section:
    """Return the page's section on path loss."""
    title = "Path loss and line of sight against TR 38.901"
    try:
        found = places()
    except ImportError:
        why = "the package tr3gpp, which carries the specification's formulas, is not installed"
        missing = [Comparison(LOSS, [], "dB", why), Comparison(SIGHT, [], "", why)]
        return Section(title, f"Not compared: {why}.", missing)
    heads = ["environment", "distance, m", "LOS, dB", "specification", "NLOS, dB"]
    heads += ["specification", "P(LOS)", "specification"]
    rows = [
        (
            *(NAMES[place.environment], f"{place.distance_m:g}"),
            *(f"{value:.2f}" for value in (*place.los_db, *place.nlos_db)),
            *(f"{value:.4f}" for value in place.sight),
        )
        for place in found
    ]
    losses = [ours - theirs for p in found for ours, theirs in (p.los_db, p.nlos_db)]
    sights = [p.sight[0] - p.sight[1] for p in found]
    text = f"""\
{CARRIER_GHZ:g} GHz, terminal at {UT_HEIGHT_M:g} m, base stations at 10 m (UMi), 25 m (UMa) and 3 m
(InH). The specification's columns come from the package `tr3gpp`, whose coefficients nobody here
typed; it leaves out the breakpoint distance of the LOS laws, which is ours on both sides.

{table(heads, rows)}

What is off: rounding errors of the arithmetic only. This shows that the formulas are the
specification's, not that a street follows them."""
    return Section(title, text, [Comparison(LOSS, losses, "dB"), Comparison(SIGHT, sights, "")])
