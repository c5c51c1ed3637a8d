"""Path loss and line of sight beside an independent evaluation of TR 38.901."""

from typing import NamedTuple

from edgeroute_env.physics import radio
from validation import tr38901
from validation.section import Section, compare

NAMES = {"umi": "UMi street canyon", "uma": "UMa", "inh": "InH mixed office"}
BS_HEIGHT_M = {"umi": 10.0, "uma": 25.0, "inh": 3.0}  # TR 38.901 Tables 7.2-1 and 7.2-2
UT_HEIGHT_M, CARRIER_GHZ = 1.5, 3.5
OUTDOOR_M, INDOOR_M = (10, 18, 50, 100, 200, 500, 1000, 2000), (1, 3, 6.5, 10, 25, 50, 100)


class Place(NamedTuple):
    """One distance, each value ours and the specification's: losses (dB), P(line of sight)."""

    environment: str
    distance_m: float
    los_db: tuple[float, float]
    nlos_db: tuple[float, float]
    sight: tuple[float, float]


def places() -> list[Place]:
    """Return the table of distances."""
    found = []
    for environment, height_m in BS_HEIGHT_M.items():
        number = radio.ENVIRONMENTS[environment]
        for metres in INDOOR_M if environment == "inh" else OUTDOOR_M:
            d = float(metres)
            where = (d, CARRIER_GHZ, height_m, UT_HEIGHT_M)
            los, nlos = (radio.path_loss_db(number, seen, *where) for seen in (True, False))
            los_theory, nlos_theory = tr38901.path_loss_db(environment, *where)
            sight = radio.los_probability(number, d), tr38901.los_probability(environment, d)
            found.append(
                Place(NAMES[environment], d, (los, los_theory), (nlos, nlos_theory), sight)
            )
    return found


def section() -> Section:
    """Compare path loss and line of sight with the specification."""
    found = places()
    losses = [ours - theirs for place in found for ours, theirs in (place.los_db, place.nlos_db)]
    sights = [ours - theirs for ours, theirs in (place.sight for place in found)]
    data = {
        "places": found,
        "carrier_ghz": CARRIER_GHZ,
        "ut_height_m": UT_HEIGHT_M,
        "bs_height_m": BS_HEIGHT_M,
    }
    comparisons = [
        compare("Path loss, TR 38.901", losses, "dB"),
        compare("Probability of line of sight, TR 38.901", sights, ""),
    ]
    return Section(data, comparisons)
