"""A margin gate with conformal risk control (Angelopoulos et al., ICLR 2024, arXiv 2208.02814).

The phone's answer is accepted iff the score is at most a threshold; all else goes to the edge. CR2
(arXiv 2605.12001), of Bao et al.'s group, sets such a gate by conformal risk control, so that the
rate of false acceptances stays at or below a stated `risk` on new questions.

The loss of a turn is the quality given up by accepting: `max(0, quality_edge - quality_device)`
where the phone is accepted, else 0. Where answers are right or wrong that is exactly "accepted
though only the edge is right", counted over all turns. It lies in [0, 1] and never falls as the
threshold rises, which is what the method needs: the greatest threshold with
`n / (n + 1) * (mean loss) + 1 / (n + 1) <= risk` on n exchangeable turns keeps the expected loss of
the next turn, over calibration draws, at or below the risk. Turns of one dialogue are not quite
exchangeable, and a real shift from training to use voids the guarantee.

The levels tried are the grid below; each has its threshold calibrated on training turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.bao import Floats
from edgeroute_baselines.checks import finite, share
from edgeroute_env import decode

RISKS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 1.0)
NONE_ACCEPTED = -1.0  # below every score


@dataclass(frozen=True)
class Cr2Gate:
    """Accepts the phone's answer iff the score is at most `threshold`, calibrated for `risk`."""

    risk: float
    threshold: float
    name: str = "cr2-gate"

    def __post_init__(self) -> None:
        """Refuse a risk that is no share."""
        share(risk=self.risk)
        finite(threshold=self.threshold)

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        # As float32, like the scores that the threshold was calibrated on.
        scores = decode(observations)["score"].astype(np.float32)
        return (scores > np.float32(self.threshold)).astype(np.int64)


def loss_if_accepted(turns: NDArray[Any]) -> Floats:
    """Return what accepting the phone's answer gives up on each turn, in [0, 1].

    Args:
        turns: `edgeroute_env.traces.columns.ROW` records, shape (n,).
    """
    lost: Floats = np.maximum(turns["quality_edge"] - turns["quality_device"], 0.0).astype(float)
    return lost


def calibrated(scores: NDArray[Any], losses: Floats, risk: float) -> float:
    """Return the greatest score up to which the phone may be accepted at `risk`.

    Args:
        scores: of the calibration turns, shape (n,).
        losses: what accepting each would lose, in [0, 1], shape (n,).
        risk: the greatest expected loss a turn.

    Returns:
        One of the scores, or NONE_ACCEPTED. A threshold between two scores has the lower one's
        empirical loss, so on calibration turns nothing is missed; on new ones a little is.
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
