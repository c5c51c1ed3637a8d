"""What clients send and get: the shapes of OpenAI's API, the names of models, what is told."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time

import pytest

from edgeroute_env import InputError
from edgeroute_live.fake import Behaviour
from edgeroute_live.prompts import Dialogues
from edgeroute_live.reports import requests_at
from edgeroute_live.serving import load_settings
from edgeroute_live.signals import signals
from tests.helpers.live import FAST, HELLO, proxied, run, said

# What a chat front end sends: parts, tools, and options that only some servers know.
FRONT_END = {
    "messages": [
        {"role": "system", "content": "Be short."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is in this picture?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}},
            ],
        },
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "n": 1,
    "logprobs": True,
    "top_logprobs": 2,
    "temperature": 0.2,
    "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}],
    "tool_choice": "auto",
    "response_format": {"type": "text"},
    "user": "somebody",
    "max_tokens": 4,
}


def test_what_a_front_end_sends_reaches_the_server_unchanged(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            status, _, events = await it.ask("edgeroute-edge", **FRONT_END)
            assert status == 200
            assert said(events) == " word" * 4
            usage = json.loads(events[-2])  # the client asked for it, so it gets it
            assert usage["usage"]["completion_tokens"] == 4
            assert usage["edgeroute"]["side"] == "edge"
            ((_, sent),) = it.edge.requests
            assert sent == {**FRONT_END, "model": "large"}
            (turn,) = it.turns()
            assert turn.attachment_bytes > 4000
            assert "AAAA" not in it.log.read_text()

    run(work)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_reads_an_answer_and_a_stream(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            for stream in (False, True):
                body = {"model": "edgeroute", "messages": HELLO, "max_tokens": 3, "stream": stream}
                words = [
                    "-sN",
                    "--noproxy",
                    "*",
                    it.proxy.url + "/chat/completions",
                    "-d",
                    json.dumps(body),
                ]
                words += ["-H", "Content-Type: application/json"]
                pipe = asyncio.subprocess.PIPE
                curl = await asyncio.create_subprocess_exec("curl", *words, stdout=pipe)
                out, _ = await curl.communicate()
                assert out.count(b" word") == 3
                assert b'"edgeroute"' in out
                assert out.endswith(b"data: [DONE]\n\n") == stream

    run(work)


def test_a_stream_without_usage_asked_for_shows_none(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            _, _, events = await it.ask("edgeroute-device", stream=True)
            assert events[-1] == "[DONE]"
            assert not any("usage" in json.loads(text) for text in events[:-1])
            last = json.loads(events[-2])
            assert last["choices"][0]["finish_reason"] == "length"
            assert last["edgeroute"]["router"] == "device"
            (turn,) = it.turns()  # the proxy itself has seen it
            assert (turn.answer_tokens, turn.side) == (5, "device")
            assert 0.0 < turn.upstream_ttft_s <= turn.ttft_s <= turn.latency_s

    run(work)


@pytest.mark.parametrize(
    ("model", "side"),
    [
        ("edgeroute-device", "device"),
        ("edgeroute-edge", "edge"),
        ("edgeroute-bao-9", "device"),  # no score is that high
        ("edgeroute-bao-multi-queue-9", "device"),
        ("edgeroute-score-threshold-0.2", "edge"),  # all scores are 0.3 here
        ("edgeroute-score-threshold-0.4", "device"),
        ("edgeroute-linear", None),
        ("edgeroute-ppo", None),
    ],
)
def test_a_models_name_chooses_the_router(tmp_path, model, side) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            _, headers, _ = await it.ask(model)
            assert side is None or headers["X-EdgeRoute-Side"] == side

    run(work)


def test_unknown_models_are_named_and_the_known_ones_listed(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            for model in ("edgeroute-nobody", "edgeroute-ppo-0.3", "edgeroute-rollout", "x" * 500):
                status, _, answer = await it.ask(model)
                assert status in (400, 404)
                assert "allowed" in answer["error"]["message"]
            listed = await (await it.client.get(it.proxy.url + "/models")).json()
            names = [model["id"] for model in listed["data"]]
            assert names == ["edgeroute", "edgeroute-device", "edgeroute-edge", "edgeroute-bao"]
            assert (await it.client.get(it.proxy.url + "/nothing")).status == 404

    run(work)


def test_a_policy_beyond_what_it_was_trained_on_gives_way_to_the_rule(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            huge = [{"role": "user", "content": "word " * 20_000}]
            _, headers, _ = await it.ask("edgeroute-ppo", messages=huge)
            assert "as trained on: ppo gives way" in headers["X-EdgeRoute-Why"]
            assert "as trained on: ppo gives way" in it.turns()[0].why
            assert it.turns()[0].router != "ppo"

    run(work)


def test_a_dialogue_is_known_again_and_a_question_asked_anew_is_a_branch(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            messages = list(HELLO)
            for _ in range(3):
                await it.ask("edgeroute-device", messages=messages)
                said_now = {"role": "assistant", "content": "shortened by the client"}
                messages += [said_now, {"role": "user", "content": "And then?"}]
            await it.ask("edgeroute-device", messages=messages[:-2])
            turns = it.turns()
            assert [turn.turn for turn in turns] == [1, 2, 3, 3]
            assert len({turn.dialogue for turn in turns}) == 1
            contexts = [turn.context_tokens for turn in turns]
            assert contexts[0] == 0
            assert contexts[1] == turns[0].prompt_tokens + turns[0].answer_tokens
            assert contexts[2] == contexts[3] > contexts[1]

    run(work)


def test_a_dialogue_that_began_elsewhere_is_taken_up() -> None:
    dialogues = Dialogues()
    messages = [*HELLO, {"role": "assistant", "content": "Fine."}, *HELLO]
    prompt = dialogues.read(messages)
    taken = dialogues.find(prompt, 0.4)
    assert (prompt.turn, taken.true["turn"]) == (2, 1.0)
    assert taken.true["context_tokens"] == prompt.history_tokens > 0
    assert taken.true["cached_device_tokens"] == 0


def test_the_phone_and_the_server_tell_what_else_is_hidden(tmp_path) -> None:
    async def work() -> None:
        unknowing = Behaviour(**FAST, reports_metrics=False)
        async with proxied(tmp_path, edge=unknowing) as it:
            await it.ask()
        assert it.turns()[0].hidden == ["edge-load", "snr"]

    run(work)
    told = signals({"X-EdgeRoute-SNR-dB": "12.5"}, None)
    assert (told.snr_db, told.heat) == (12.5, None)
    path = tmp_path / "phone.json"
    path.write_text('{"heat": 0.5, "battery": 7, "snr_db": 3}')
    assert signals({"X-EdgeRoute-SNR-dB": "9"}, path).snr_db == 9
    assert (signals({}, path).heat, signals({}, path).battery) == (0.5, None)
    os.utime(path, (time.time() - 100, time.time() - 100))
    assert signals({}, path).heat is None
    with pytest.raises(InputError, match="X-EdgeRoute-Heat"):
        signals({"X-EdgeRoute-Heat": "hot"}, None)


def test_loads_of_the_usual_servers_are_read() -> None:
    assert requests_at('vllm:num_requests_running{model_name="x"} 3.0\n') == 3
    two = "llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n"
    assert requests_at(two) == 3
    assert requests_at("process_cpu_seconds_total 12\n") is None


def test_shadow_requests_measure_the_other_side_and_metrics_count(tmp_path) -> None:
    async def work() -> None:
        short = Behaviour(**FAST, answer_tokens=3)
        async with proxied(tmp_path, device=short, shadow_share=1.0) as it:
            await it.ask("edgeroute-edge", stream=True, max_tokens=9)
            while not it.log.read_text():
                await asyncio.sleep(0.01)
            (turn,) = it.turns()
            assert (turn.side, turn.answer_tokens) == ("edge", 9)
            assert (turn.shadow.side, turn.shadow.answer_tokens) == ("device", 3)
            metrics = await (await it.client.get(it.proxy.url[:-3] + "/metrics")).text()
            assert 'edgeroute_turns_total{side="edge",status="200"} 1' in metrics
            assert 'edgeroute_tokens_total{side="edge",kind="answer"} 9' in metrics
            assert 'edgeroute_up{side="edge"} 1' in metrics

    run(work)


def test_a_log_is_begun_anew_when_it_is_long(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path, limits={"log_bytes": 3000, "log_files": 2}) as it:
            for _ in range(12):
                await it.ask("edgeroute-device", max_tokens=1)
            files = sorted(path.name for path in tmp_path.glob("turns.jsonl*"))
            assert files == ["turns.jsonl", "turns.jsonl.1", "turns.jsonl.2"]

    run(work)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("edge: {url: ftp://x}", "edge.url"),
        ("port: 99999", "port"),
        ("scorer: 2", "scorer"),
        ("host: 0.0.0.0", "host"),
        ("log: /no/such/folder/x.jsonl", "log"),
        ("colour: red", "colour"),
    ],
)
def test_a_bad_setting_is_one_error_that_names_it(tmp_path, line, field) -> None:
    path = tmp_path / "live.yaml"
    sides = "device: {url: http://a/v1}\n"
    path.write_text(
        sides + ("" if line.startswith("edge") else "edge: {url: http://b/v1}\n") + line
    )
    with pytest.raises(InputError, match=field):
        load_settings(path)
