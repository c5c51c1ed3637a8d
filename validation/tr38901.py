"""TR 38.901's path loss and line of sight, evaluated from the formulas that `tr3gpp` carries.

`tr3gpp` holds the specification's tables as LaTeX, so these coefficients were typed by others. It
leaves out NOTE 1 of Table 7.4.1-1: the breakpoint 4 h'_BS h'_UT f_c / c, with h' = h - 1 m and
c = 3e8 m/s, is given here.
"""

import math
import re
from functools import cache
from typing import Any

PATH_LOSS_NAMES = {"inh": "InH-Office", "umi": "UMi-StreetCanyon", "uma": "UMa"}
LOS_NAMES = {**PATH_LOSS_NAMES, "inh": "Indoor-MixedOffice"}
_PYTHON_FOR_LATEX = [
    (r"d_\{3D\}", "d3"),
    (r"d_\{2D[-a-z]*\}", "d2"),
    (r"d'_\{BP\}", "bp"),
    (r"h_\{(BS|UT)\}", r"h\1"),
    (r"f_c", "fc"),
    (r"C'\(hUT\)", "C*"),
    (r"Pr_\{LOS\}", "probability"),
    (r"PL_\{\w+-LOS\}", "los"),
    (r"PL_\{\w+-NLOS\}", "nlos"),
    (r"PL'_\{\w+-NLOS\}", "blocked"),
    (r", \\text.*", ""),  # "for 10m <= d_2D <= 5km"
    (r"\\left|\\right", ""),
    (r"\\log_\{10\}", "lg"),
    (r"\\(exp|max)", r"\1"),
    (r"\\cdot", "*"),
    (r"\\le\b", "<="),
    (r"\\dfrac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))"),
    (r"(\d+)km", r"\g<1>000"),
    (r"([\d.]+)m\b", r"\1"),
    (r"[{\[]", "("),
    (r"[}\]]", ")"),
    (r"\^", "**"),
    (r"(?<=[\d)])\s*(?=lg|exp|\()", "*"),
]


def evaluate(formulas: str, **known: float) -> dict[str, Any]:
    """Evaluate `name = expression; ...`, of which the later ones serve the earlier ones."""
    names: dict[str, Any] = {"lg": math.log10, "exp": math.exp, "max": max, **known}
    for definition in reversed(re.split(r";\s*\\quad", formulas)):
        for latex, python in _PYTHON_FOR_LATEX:
            definition = re.sub(latex, python, definition)
        name, value = definition.split("=", 1)
        cases = re.search(r"\\begin\(cases\)(.*)\\end\(cases\)", value)
        if cases:
            branches = [case.split("&") for case in cases[1].split(r"\\")]
            value = next(x for x, condition in branches if eval(condition.strip(), names))
        names[name.strip(" *")] = eval(value.strip(), names)
    return names


def path_loss_db(
    environment: str,
    distance_m: float,
    carrier_ghz: float,
    bs_height_m: float,
    ut_height_m: float,
) -> tuple[float, float]:
    """Return the mean path loss (dB) with and without line of sight at a 2D distance."""
    scenario = PATH_LOSS_NAMES[environment]
    los, nlos = (
        _section().pathloss(scenario=scenario, condition=condition).formula
        for condition in ("LOS", "NLOS")
    )
    found = evaluate(
        nlos + r"; \quad " + los,
        d2=distance_m,
        d3=math.hypot(distance_m, bs_height_m - ut_height_m),
        fc=carrier_ghz,
        hUT=ut_height_m,
        hBS=bs_height_m,
        bp=4.0 * (bs_height_m - 1.0) * (ut_height_m - 1.0) * carrier_ghz * 1e9 / 3e8,
    )
    return float(found["los"]), float(found["nlos"])


def los_probability(environment: str, distance_m: float) -> float:
    """Return P(line of sight) at a 2D distance, terminal at 1.5 m."""
    formula = _section().los_probability(scenario=LOS_NAMES[environment]).formula
    return float(evaluate(formula, d2=distance_m, hUT=1.5)["probability"])


@cache
def _section() -> Any:
    """Return TR 38.901's section 7.4; ImportError where `tr3gpp` is not installed."""
    from tr3gpp import tr38901

    return tr38901.section("7.4")
