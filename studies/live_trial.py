"""How far the laws are from 77 real turns, fitted on another log of the same two models.

    python -m studies.live_trial COIN.jsonl BAO.jsonl

SmolLM2-135M stood for the device's model and Gemma3-270M for the edge's, one thread each of
llama.cpp on two cores that other work shared. In the first log a coin decided, in the second
`bao-multi-queue`. The constants are fitted on the first log and predict the second, and the other
way round.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgeroute_env import load_scenario
from edgeroute_live.calibrating.sides import (
    TEMPLATE,
    Link,
    SideFit,
    fit_decode,
    fit_prefill,
    fit_template,
)
from edgeroute_live.calibrating.terms import Constant
from edgeroute_live.calibrating.written import base_constants, scenario_text
from edgeroute_live.comparing import TIMES, errors
from edgeroute_live.log import LoggedTurn, read_log
from edgeroute_live.predicting import predict
from edgeroute_live.timing import Timed


def timed(turn: LoggedTurn) -> Timed:
    """Return a logged turn as a calibration would have timed it."""
    assert turn.prompt_tokens is not None
    assert turn.answer_tokens is not None
    assert turn.upstream_ttft_s is not None
    assert turn.upstream_s is not None
    return Timed(
        messages=2 * turn.turn - 1,
        estimate_tokens=round(turn.prompt_tokens_estimate + (turn.context_estimate or 0.0)),
        prompt_tokens=turn.prompt_tokens,
        cached_tokens=turn.cached_tokens,
        answer_tokens=turn.answer_tokens,
        sent_s=0.0,
        times_s=(turn.upstream_ttft_s, turn.upstream_s),
        text="",
        body_bytes=turn.request_bytes,
    )


def fitted(turns: Sequence[LoggedTurn], side: str) -> SideFit:
    """Return a side's constants from the turns that it answered."""
    mine = [timed(turn) for turn in turns if turn.side == side]
    base = base_constants(side)
    found = fit_prefill(mine, None, base) | fit_decode([[turn] for turn in mine], base)
    link = Link(0.0, 0.0, Constant(0.0)) if side == "edge" else None
    return SideFit(found, fit_template(mine), None, link, len(mine), None)


def main() -> None:
    """Print both tables."""
    logs = {Path(name).stem.rpartition("_")[2]: read_log([Path(name)]) for name in sys.argv[1:3]}
    models = {"device": "SmolLM2-135M", "edge": "Gemma3-270M"}
    first, second = logs
    for known, unseen in ((first, second), (second, first)):
        fits = {side: fitted(logs[known], side) for side in models}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trial.yaml"
            path.write_text(scenario_text("trial", models, fits), encoding="utf-8")
            scenario = load_scenario(path)
        print(f"\nfitted on {known}, predicts {unseen}")
        for side, fit in fits.items():
            template = (f"{name} {fit.template[name].value:.3g}" for name in TEMPLATE)
            speeds = (f"{name} {c.value:.3g}" for name, c in fit.constants.items() if c.told)
            print(f"{side}: {', '.join([*speeds, *template])}")
        for e in errors(predict(logs[unseen], scenario)):
            print(
                f"{e.side:7} {TIMES[e.time]:13} {e.step:24} {e.turns:3} "
                f"{e.mape:6.1%} [{e.low:.1%}, {e.high:.1%}] bias {e.bias:+6.1%} R2 {e.r2:6.2f}"
            )


if __name__ == "__main__":
    main()
