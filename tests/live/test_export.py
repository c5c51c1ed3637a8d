"""A log becomes a trace and a scenario that a replay reproduces."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, InputError, Scenario, load_scenario
from edgeroute_env.traces.trace import Trace
from edgeroute_live.deciding import Gateway
from edgeroute_live.export import Exported, export
from edgeroute_live.fake import Behaviour
from edgeroute_live.log import LoggedTurn, Shadow, read_log
from tests.helpers import virtual_time
from tests.helpers.command_line import Command
from tests.helpers.live import proxied

DEVICE = Behaviour(
    prefill_fixed_s=0.05, prefill_s_per_token=1e-3, decode_fixed_s=0.02, answer_tokens=30
)
EDGE = Behaviour(prefill_fixed_s=0.1, prefill_s_per_token=1e-4, decode_fixed_s=0.008)


def measured_scenario():
    """Return the scenario of the two servers above."""
    return load_scenario(
        {"extends": "measured", "name": "two-fakes", "description": "as they are"},
        {
            "device.count": 1,
            "device.scoring_s": 0.0,
            "device.speed.prefill_fixed_s": DEVICE.prefill_fixed_s,
            "device.speed.prefill_tokens_per_s": 1.0 / DEVICE.prefill_s_per_token,
            "device.speed.decode_tokens_per_s": 1.0 / DEVICE.decode_fixed_s,
            "edge.speed.prefill_fixed_s": EDGE.prefill_fixed_s,
            "edge.speed.prefill_s_per_token": EDGE.prefill_s_per_token,
            "edge.speed.decode_fixed_s": EDGE.decode_fixed_s,
        },
    )


def logged(dialogue: str, arrival_s: float, answered: str | None, **more: Any) -> LoggedTurn:
    values = {"prompt_tokens": 40, "answer_tokens": 20, "score": 0.3, "max_tokens": 20}
    values |= {"latency_s": 1.0, "status": 200, "turn": 1, "observation": []}
    values |= {"arrival_s": arrival_s, "dialogue": dialogue, "prompt_tokens_estimate": 30}
    return LoggedTurn(**values | {"chosen": answered or "edge", "side": answered} | more)


def replayed(exported: Exported) -> np.ndarray:
    """Return the latencies of the logged routes in the simulator, s."""
    env = EdgeRouteEnv(exported.scenario, traces=exported.trace)
    env.reset(seed=0)
    return np.array([env.step(int(route))[4]["latency_s"] for route in exported.routes])


def test_a_replay_takes_as_long_as_the_servers_that_were_logged() -> None:
    turns = []
    for k in range(6):
        side, law = (("device", DEVICE), ("edge", EDGE))[k % 2]
        took_s = law.prefill_s(40 + k, 0) + 20 * law.decode_fixed_s
        turns.append(logged(f"d{k}", 10.0 * k, side, prompt_tokens=40 + k, latency_s=took_s))
    found = export(turns, measured_scenario(), "logged")
    assert found.routes.tolist() == [0, 1] * 3
    np.testing.assert_allclose(replayed(found), found.measured["latency_s"], rtol=0.02)


def test_what_no_log_can_tell_is_imputed_and_marked() -> None:
    turns = [
        logged("a", 0.0, "device", answer_tokens=10),
        logged("a", 9.0, "edge", prompt_tokens=80, answer_tokens=40),
        logged("b", 20.0, "edge", answer_tokens=60, prompt_tokens=None),
        logged(
            "c",
            40.0,
            "edge",
            answer_tokens=50,
            shadow=Shadow(side="device", latency_s=1.0, answer_tokens=20),
        ),
        logged("c", 50.0, None, status=502),
    ]
    found = export(turns, measured_scenario(), "logged")
    assert len(found.trace) == 4
    # 40 tokens are new in the second turn less the first one's 50.
    assert found.trace["prompt_tokens"].tolist() == [40, 30, 30, 40]
    assert found.trace["turn"].tolist() == [1, 2, 1, 1]
    # Means: 15 on the device (10, 20), 50 at the edge.
    assert found.trace["answer_tokens_device"].tolist() == [10, 12, 18, 20]
    assert found.trace["answer_tokens_edge"].tolist() == [33, 40, 60, 50]
    assert list(found.measured["imputed"]) == [
        "answer_tokens_edge",
        "answer_tokens_device",
        "prompt_tokens answer_tokens_device",
        "",
    ]
    assert any("quality_device" in note for note in found.notes)


def test_dialogues_that_overlap_go_to_phones_of_their_own() -> None:
    turns = [logged(name, float(k), "edge") for k, name in enumerate("abacbc")]
    found = export(turns, measured_scenario(), "logged")
    assert found.scenario.device.count == 2
    assert found.trace["turn"].tolist() == [1, 1, 2, 1, 2, 2]


def test_a_log_without_an_answer_makes_no_trace() -> None:
    with pytest.raises(InputError, match="at least one that was answered"):
        export([logged("a", 0.0, None, status=502)], measured_scenario(), "x")


def test_the_command_writes_a_trace_a_scenario_and_the_marks(
    edgeroute: Command, tmp_path: Path
) -> None:
    log = tmp_path / "turns.jsonl"
    turns = [logged(f"d{k}", 10.0 * k, "edge") for k in range(5)]
    log.write_text("\n".join(turn.model_dump_json() for turn in turns) + "\n")
    out = tmp_path / "out"
    ended = edgeroute("live", "export", str(log), "--out", str(out), "-s", "mtbench101")
    assert ended.code == 0, ended.err
    assert load_scenario(out / "scenario.yaml").workload.turns == 5
    assert len(Trace.load(out / "trace.csv")) == 5
    assert "answer_tokens_device" in (out / "measured.csv").read_text()
    again = edgeroute("live", "export", str(log), "--out", str(out))
    assert again.code == 2
    log.write_text("{\n")
    broken = edgeroute("live", "export", str(log), "--out", str(tmp_path / "other"))
    assert broken.code == 2
    assert "line 1" in broken.err


def test_log_trace_and_replay_reproduce_a_run_within_two_percent(tmp_path: Path) -> None:
    device = dataclasses.replace(DEVICE, answer_tokens=100)

    # The simulator counts the first token of an answer as a decode step too; a server does not.
    # So the answers are long enough for that step to be less than 2 %.
    async def work() -> Scenario:
        clock = asyncio.get_running_loop().time
        gateway = Gateway(measured_scenario(), "random", 0.3, clock=clock)
        async with proxied(tmp_path, device, EDGE, gateway) as it:
            for k in range(4):
                messages = [{"role": "user", "content": f"Question {k}: why?"}]
                for side in ("device", "edge", "device"):
                    _, _, answer = await it.ask(
                        f"edgeroute-{side}", messages=messages, max_tokens=120
                    )
                    messages += [answer["choices"][0]["message"]]
                    messages += [{"role": "user", "content": "And then?"}]
                    await asyncio.sleep(0.05)
        return gateway.scenario

    scenario = virtual_time.run(work())
    found = export(read_log([tmp_path / "turns.jsonl"]), scenario, "logged")
    simulated, measured = replayed(found), np.array(found.measured["latency_s"])
    np.testing.assert_allclose(simulated, measured, rtol=0.02)
