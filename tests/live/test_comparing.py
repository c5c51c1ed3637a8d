"""Predicted beside measured: each step knows one thing more, and takes its error away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("aiohttp")

from edgeroute_env import load_scenario
from edgeroute_env.cli.app import app
from edgeroute_env.physics.inference import decode_s_per_token, prefill_s
from edgeroute_env.recordings.tokens import count_tokens
from edgeroute_live.calibrating import calibrate
from edgeroute_live.calibrating.measure import Plan
from edgeroute_live.calibrating.written import scenario_text
from edgeroute_live.comparing import FIGURES, PAGE, PLOT, causes, errors
from edgeroute_live.demo import talk
from edgeroute_live.fake import FakeServer
from edgeroute_live.log import LoggedTurn, read_log
from edgeroute_live.predicting import STEPS, predict
from edgeroute_live.timing import Client, Endpoint, user
from tests.helpers import virtual_time
from tests.helpers.known_servers import DEVICE, EDGE

MEASURED = {
    "extends": "measured",
    "name": "known",
    "description": "Known speeds.",
    "radio": {"rtt_floor_s": 0.05, "uplink_hz": 1e6},
    "edge": {
        "speed": {
            "prefill_fixed_s": 0.1,
            "prefill_s_per_token": 1e-3,
            "decode_fixed_s": 0.02,
            "decode_s_per_sequence": 0.004,
        }
    },
    "workload": {"template": {"first_tokens": 12, "message_tokens": 4, "tokens_per_estimate": 1.1}},
}
ANSWER, BYTES = 40, 2000


def turns(slow: float = 1.0, kept: float = 1.0, template: bool = True) -> list[LoggedTurn]:
    """Return dialogues of three turns at the edge, whose times follow the law, `slow` times."""
    scenario = load_scenario(MEASURED)
    cost = scenario.edge.cost()
    byte_s = 8.0 / (1e6 * 6.658211482751795)  # log2(101) bit/s/Hz
    found = []
    for dialogue in range(8):
        history, held = 0.0, 0.0
        for turn in range(1, 4):
            text = 30.0 + 25.0 * dialogue
            estimate = history + text
            around = 12.0 + 4.0 * (2 * turn - 1)
            asked = round(around + 1.1 * estimate) if template else round(estimate)
            cached = float(int(min(held, asked - 1) / 16) * 16)
            ttft_s = 0.05 + BYTES * byte_s + prefill_s(cost, asked - cached, cached)
            batch = 1.0 + dialogue % 3
            token_s = decode_s_per_token(cost, batch, 0.0)
            found.append(
                LoggedTurn(
                    arrival_s=float(len(found)),
                    dialogue=str(dialogue),
                    turn=turn,
                    messages=2 * turn - 1,
                    prompt_tokens_estimate=text,
                    context_estimate=history,
                    request_bytes=BYTES,
                    observation=[],
                    chosen="edge",
                    side="edge",
                    status=200,
                    busy=batch - 1.0,
                    latency_s=0.0,
                    upstream_ttft_s=slow * ttft_s,
                    upstream_s=slow * (ttft_s + (ANSWER - 1) * token_s),
                    prompt_tokens=asked,
                    answer_tokens=ANSWER,
                    cached_tokens=int(cached),
                )
            )
            held = asked + kept * ANSWER
            history = estimate + ANSWER / 1.1
    return found


def mapes(logged: list[LoggedTurn], time: str = "ttft_s") -> dict[str, float]:
    told = errors(predict(logged, load_scenario(MEASURED)))
    return {error.step: error.mape for error in told if error.time == time}


def test_times_that_follow_the_law_are_predicted() -> None:
    for time in ("ttft_s", "completion_s"):
        assert mapes(turns(), time)["+ reported cache"] < 1e-6
    assert mapes(turns(), "completion_s")["+ running speed factor"] < 1e-6


def test_the_template_explains_what_the_texts_do_not() -> None:
    found = mapes(turns())
    assert found["plain law"] > 0.05
    assert found["+ chat template"] < 0.01
    assert found["+ counted tokens"] < 0.01


def test_a_lost_answer_is_seen_by_the_reported_cache_alone() -> None:
    found = mapes(turns(kept=0.0))
    assert found["+ counted tokens"] > 0.05
    assert found["+ reported cache"] < 1e-6


def test_a_steady_slowdown_is_learned_after_one_turn() -> None:
    found = mapes(turns(slow=3.0))
    assert found["+ reported cache"] == pytest.approx(2.0 / 3.0)
    assert found["+ running speed factor"] == pytest.approx(2.0 / 3.0 / 24.0, rel=1e-3)


def test_the_causes_add_up_to_the_plain_error() -> None:
    told = errors(predict(turns(slow=1.5, kept=0.5), load_scenario(MEASURED)))
    for side, time, taken in causes(told):
        plain = next(e for e in told if (e.side, e.time, e.step) == (side, time, STEPS[0]))
        assert sum(taken) == pytest.approx(plain.mape)


def test_turns_that_failed_or_told_nothing_are_left_out() -> None:
    logged = turns()
    logged[0] = logged[0].model_copy(update={"status": 502, "side": None})
    logged[1] = logged[1].model_copy(update={"prompt_tokens": None})
    logged[2] = logged[2].model_copy(update={"upstream_ttft_s": None})
    assert len(predict(logged, load_scenario(MEASURED))) == len(logged) - 3


def test_the_command_writes_a_page_a_plot_and_figures(tmp_path: Path) -> None:
    log, scenario, out = tmp_path / "turns.jsonl", tmp_path / "known.yaml", tmp_path / "page"
    log.write_text("\n".join(turn.model_dump_json() for turn in turns(slow=1.2)))
    scenario.write_text(json.dumps(MEASURED))  # JSON is YAML
    words = ["live", "compare", str(log), "--scenario", str(scenario), "--out", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "24 of 24 turns" in result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert (out / PLOT).read_bytes().startswith(b"\x89PNG")
    assert "data:image/png" in (out / PAGE).read_text()
    figures = json.loads((out / FIGURES).read_text())
    assert len(figures["turns"]) == 24


async def calibrated(urls: dict[str, str], scenario: Path) -> None:
    models = {"device": DEVICE.model, "edge": EDGE.model}
    plan = Plan(longest_tokens=512, repeats=2, most_at_once=4)
    fits = {
        side: await calibrate(Endpoint(url, models[side]), side, plan, lambda _: None)
        for side, url in urls.items()
    }
    scenario.write_text(scenario_text("known", models, fits), encoding="utf-8")


async def asked_directly(urls: dict[str, str]) -> list[LoggedTurn]:
    """Hold dialogues whose turns go to both sides in turns; return them as the proxy logs them."""
    found = []
    for dialogue in range(4):
        messages: list[dict[str, str]] = []
        history = 0
        for turn in range(1, 5):
            side = ("device", "edge")[(dialogue + turn // 2) % 2]
            async with Client(Endpoint(urls[side], "")) as client:
                messages.append(user(client.prompt(40 + 60 * dialogue)))
                timed = await client.ask(messages, 32)
            messages.append({"role": "assistant", "content": timed.text})
            completion_s = timed.last_s - timed.sent_s
            found.append(
                LoggedTurn(
                    arrival_s=float(len(found)),
                    dialogue=str(dialogue),
                    turn=turn,
                    messages=timed.messages,
                    prompt_tokens_estimate=timed.estimate_tokens - history,
                    context_estimate=history,
                    request_bytes=timed.body_bytes,
                    observation=[],
                    chosen=side,
                    side=side,
                    status=200,
                    latency_s=completion_s,
                    upstream_ttft_s=timed.ttft_s,
                    upstream_s=completion_s,
                    prompt_tokens=timed.prompt_tokens,
                    answer_tokens=timed.answer_tokens,
                    cached_tokens=timed.cached_tokens,
                )
            )
            history = timed.estimate_tokens + count_tokens(timed.text)
    return found


def test_known_servers_are_calibrated_and_predicted_within_five_percent(tmp_path: Path) -> None:
    scenario = tmp_path / "known.yaml"

    async def measure_and_ask() -> list[LoggedTurn]:
        async with FakeServer(DEVICE) as device, FakeServer(EDGE) as edge:
            urls = {"device": device.url, "edge": edge.url}
            await calibrated(urls, scenario)
            return await asked_directly(urls)

    logged = virtual_time.run(measure_and_ask())
    within_five_percent(logged, scenario)


@pytest.mark.slow
def test_so_they_are_through_the_proxy(tmp_path: Path) -> None:
    scenario, log = tmp_path / "known.yaml", tmp_path / "turns.jsonl"

    async def measure_and_talk() -> None:
        async with FakeServer(DEVICE) as device, FakeServer(EDGE) as edge:
            urls = {"device": device.url, "edge": edge.url}
            await calibrated(urls, scenario)
            await talk(urls, scenario, log, turns=16)

    virtual_time.run(measure_and_talk())
    within_five_percent(read_log([log]), scenario)


def within_five_percent(logged: list[LoggedTurn], scenario: Path) -> None:
    told = errors(predict(logged, load_scenario(scenario)))
    best = [error for error in told if error.step == "+ reported cache"]
    assert len(best) == 4
    for error in best:
        assert error.mape < 0.05, error
