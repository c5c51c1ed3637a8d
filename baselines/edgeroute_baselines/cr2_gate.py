"""A margin gate with conformal risk control (Angelopoulos et al., ICLR 2024, arXiv 2208.02814).

The gate accepts the phone's answer iff the score is at most a threshold. All other turns go to the
edge. CR2 (arXiv 2605.12001), of Bao et al.'s group, sets such a gate by conformal risk control. The
rate of false acceptances on new questions then stays at or below a stated `risk`.

The loss of a turn is the quality that acceptance gives up: `max(0, quality_edge - quality_device)`
if the phone is accepted, else 0. Where answers are right or wrong, this is 1 exactly if the phone
is accepted and only the edge is right, counted over all turns. The method needs a loss that is in
[0, 1] and never falls as the threshold rises; this one has both properties. On n exchangeable
turns, take the greatest threshold with `n / (n + 1) * (mean loss) + 1 / (n + 1) <= risk`. The
expected loss of the next turn, over calibration draws, is then at or below the risk. Turns of one
dialogue are not quite exchangeable, and a real shift between training and use breaks the guarantee.

The grid below lists the levels of risk. Each has its threshold calibrated on training turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.rule import Floats, Rule, Seen, finite, share

RISKS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 1.0)
NONE_ACCEPTED = -1.0  # below every score


@dataclass(frozen=True)
class Cr2Gate(Rule):
    """Accepts the phone's answer iff the score is at most `threshold`, calibrated for `risk`."""

    risk: float
    threshold: float
    name: str = "cr2-gate"

    def __post_init__(self) -> None:
        """Refuse a risk outside [0, 1]."""
        share(risk=self.risk)
        finite(threshold=self.threshold)

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        # As float32, like the scores that the threshold was calibrated on.
        scores = seen["score"].astype(np.float32)
        return scores > np.float32(self.threshold)


def loss_if_accepted(turns: NDArray[Any]) -> Floats:
    """Return what accepting the phone's answer loses on each turn (ROW records), in [0, 1]."""
    lost: Floats = np.maximum(turns["quality_edge"] - turns["quality_device"], 0.0).astype(float)
    return lost


def calibrated(scores: NDArray[Any], losses: Floats, risk: float) -> float:
    """Return the greatest score up to which the phone may be accepted, or NONE_ACCEPTED.

    `losses`, (n,), are what accepting each calibration turn would lose, in [0, 1]; `scores`, (n,),
    are those turns'. `risk` is the greatest expected loss a turn.

    A threshold between two scores has the same loss on calibration turns as the lower score, so
    nothing is lost there; on new turns a little is.
    """
    order = np.argsort(scores, kind="stable")
    total = np.cumsum(losses[order])  # up to and including each
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # equal scores are accepted together
    bound = (total + 1.0) / (len(scores) + 1.0)
    allowed = np.flatnonzero(last & (bound <= risk))
    return float(ranked[allowed[-1]]) if len(allowed) else NONE_ACCEPTED


def settings(turns: NDArray[Any]) -> list[dict[str, float]]:
    """Return each risk level with its threshold, calibrated on `turns` (ROW records)."""
    losses = loss_if_accepted(turns)
    return [{"risk": risk, "threshold": calibrated(turns["score"], losses, risk)} for risk in RISKS]
