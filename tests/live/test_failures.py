"""What a client gets when a server fails, each way of failing on fake servers."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import aiohttp
import pytest

from edgeroute_env.errors import InputError
from edgeroute_live import upstream
from edgeroute_live.fake import Behaviour
from edgeroute_live.serving import Settings
from tests.helpers.live import FAST, HELLO, proxied, run, said, until

DEVICE, EDGE = "edgeroute-device", "edgeroute-edge"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("failure", ["busy", "error", "reset-before", "silence"])
def test_the_other_side_answers_and_the_header_says_so(tmp_path, failure, streamed) -> None:
    async def work() -> None:
        patience_s = 1.0 if failure == "silence" else 30.0
        limits = {"silence_s": patience_s, "answer_s": patience_s}
        async with proxied(tmp_path, limits=limits) as it:
            it.edge.failure = failure
            status, headers, answer = await it.ask(EDGE, stream=streamed)
            assert status == 200
            assert headers["X-EdgeRoute-Side"] == "device"
            assert "the edge gave no answer" in headers["X-EdgeRoute-Why"]
            if streamed:
                assert said(answer) == " word" * 5
                assert answer[-1] == "[DONE]"
                assert json.loads(answer[-2])["edgeroute"]["side"] == "device"
            else:
                assert answer["choices"][0]["message"]["content"] == " word" * 5
                assert answer["edgeroute"]["side"] == "device"
            (turn,) = it.turns()
            assert (turn.chosen, turn.tried, turn.side) == ("edge", ["edge", "device"], "device")

    run(work)


def test_a_busy_side_is_left_alone_as_long_as_it_asks_for(tmp_path, monkeypatch) -> None:
    later_s = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + later_s[0], time=time.time)
    monkeypatch.setattr(upstream, "time", clock)

    async def work() -> None:
        async with proxied(tmp_path, edge=Behaviour(**FAST, retry_after_s=600)) as it:
            it.edge.failures.append("busy")
            await it.ask(EDGE)
            _, headers, _ = await it.ask(EDGE)
            assert headers["X-EdgeRoute-Why"] == "the edge is busy"
            assert len(it.edge.requests) == 1
            later_s[0] = 601.0
            _, headers, _ = await it.ask(EDGE)
            assert headers["X-EdgeRoute-Side"] == "edge"

    run(work)


def test_both_busy_is_429_with_the_shorter_wait(tmp_path) -> None:
    async def work() -> None:
        slow, quick = Behaviour(**FAST, retry_after_s=30), Behaviour(**FAST, retry_after_s=7)
        async with proxied(tmp_path, slow, quick) as it:
            it.device.failure = it.edge.failure = "busy"
            status, headers, answer = await it.ask(stream=True)
            assert (status, headers["Retry-After"]) == (429, "7")
            assert answer["error"]["code"] == "busy"

    run(work)


def test_a_reset_before_the_first_byte_is_retried_once(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            it.edge.failures.append("reset-before")
            _, headers, events = await it.ask(EDGE, stream=True)
            assert headers["X-EdgeRoute-Side"] == "edge"
            assert said(events) == " word" * 5
            assert len(it.edge.requests) == 2

    run(work)


@pytest.mark.parametrize("failure", ["malformed", "truncated", "reset-after", "stall"])
def test_a_broken_answer_is_an_error_and_no_answer(tmp_path, failure) -> None:
    async def work() -> None:
        async with proxied(tmp_path, limits={"silence_s": 1.0}) as it:
            it.edge.failure = failure
            status, _, events = await it.ask(EDGE, stream=True, max_tokens=20)
            assert status == 200  # it had begun
            last = json.loads(events[-1])
            assert last["error"]["code"] == "broken"
            assert "[DONE]" not in events
            (turn,) = it.turns()
            assert turn.error
            assert turn.side == "edge"
            assert it.proxy.gateway.state.count("edge") == 0

    run(work)


def test_a_side_that_is_down_is_probed_until_it_is_back(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            port = int(it.edge.url.split(":")[2].split("/")[0])
            await it.edge.stop()
            _, headers, _ = await it.ask(EDGE, stream=True)
            assert headers["X-EdgeRoute-Side"] == "device"
            _, headers, _ = await it.ask(EDGE, stream=True)
            assert headers["X-EdgeRoute-Why"] == "the edge is down"
            health = await (await it.client.get(it.proxy.url[:-3] + "/health")).json()
            assert health == {"status": "ok", "device": "up", "edge": "down"}
            await it.edge.start(port)
            await until(lambda: not it.proxy.upstreams["edge"].hindrance)
            _, headers, _ = await it.ask(EDGE, stream=True)
            assert headers["X-EdgeRoute-Side"] == "edge"

    run(work)


def test_both_down_is_502_and_names_both(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            await it.edge.stop()
            await it.device.stop()
            for _ in range(2):
                status, _, answer = await it.ask(stream=True)
                assert status == 502
                assert "no side answers" in answer["error"]["message"]
            health = await it.client.get(it.proxy.url[:-3] + "/health")
            assert health.status == 503
            assert [turn.status for turn in it.turns()] == [502, 502]

    run(work)


def test_too_long_for_one_side_goes_to_the_other_and_else_is_its_400(tmp_path) -> None:
    async def work() -> None:
        small, large = Behaviour(**FAST, context_tokens=50), Behaviour(**FAST, context_tokens=400)
        async with proxied(tmp_path, small, large) as it:
            long = [{"role": "user", "content": "word " * 200}]
            _, headers, _ = await it.ask(DEVICE, messages=long)
            assert headers["X-EdgeRoute-Side"] == "edge"
            status, _, answer = await it.ask(
                DEVICE, messages=[{"role": "user", "content": "w " * 2000}]
            )
            assert status == 400
            assert answer["error"]["code"] == "context_length_exceeded"

    run(work)


def test_a_fault_of_the_request_is_passed_on_and_asked_of_one_side_alone(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            for body, status in ((b"{", 400), (b"[1]", 400), (b'{"model": 3}', 404)):
                answer = await it.client.post(
                    it.proxy.url + "/chat/completions",
                    data=body,
                    headers={"Content-Type": "application/json"},
                )
                assert answer.status == status
                assert "allowed:" in (await answer.json())["error"]["message"]
            assert (await it.ask(messages=[]))[0] == 400
            status, _, answer = await it.ask("gpt-4")
            assert (status, answer["error"]["code"]) == (404, "model_not_found")
            plain = await it.client.post(it.proxy.url + "/chat/completions", data=b"{}")
            assert plain.status == 415
            assert not it.device.requests
            assert not it.edge.requests

    run(work)


def test_a_body_over_the_limit_is_413(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path, limits={"body_bytes": 2000}) as it:
            status, _, answer = await it.ask(messages=[{"role": "user", "content": "x" * 3000}])
            assert status == 413
            assert "2000 bytes" in answer["error"]["message"]

    run(work)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_goes_frees_the_place_at_the_server(tmp_path, streamed) -> None:
    async def work() -> None:
        slow = Behaviour(**{**FAST, "decode_fixed_s": 0.05})
        async with proxied(tmp_path, edge=slow) as it:
            body = {"model": EDGE, "messages": HELLO, "stream": streamed, "max_tokens": 500}
            url = it.proxy.url + "/chat/completions"

            async def read(client: aiohttp.ClientSession) -> None:
                async with client.post(url, json=body) as response:
                    await response.read()

            async with aiohttp.ClientSession() as client:
                asking = asyncio.create_task(read(client))
                await until(lambda: it.edge.running == 1)
                asking.cancel()
                await asyncio.wait([asking])
            await until(lambda: it.edge.running == 0)
            await until(lambda: it.proxy.gateway.state.count("edge") == 0)
            (turn,) = it.turns()
            assert (turn.status, turn.error) == (499, "the client has gone")

    run(work)


def test_a_hundred_clients_at_once_all_get_their_answers(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            found = await asyncio.gather(*(it.ask(stream=True) for _ in range(100)))
            assert all(said(events) == " word" * 5 for _, _, events in found)
            assert len(it.turns()) == 100
            assert it.proxy.gateway.state.count("edge") == 0
            assert it.proxy.gateway.state.count("device") == 0

    run(work)


def test_a_stop_lets_answers_end_and_takes_no_more(tmp_path) -> None:
    async def work() -> None:
        slow = Behaviour(**{**FAST, "decode_fixed_s": 0.02})
        async with proxied(tmp_path, edge=slow) as it:
            response = await it.post(EDGE, stream=True, max_tokens=20)
            stopping = asyncio.create_task(it.proxy.stop())
            await asyncio.sleep(0.05)
            with pytest.raises(aiohttp.ClientError):
                async with aiohttp.ClientSession() as late:
                    await late.get(it.proxy.url + "/models")
            text = await response.text()
            assert text.count(" word") == 20
            assert text.endswith("data: [DONE]\n\n")
            await stopping

    run(work)


def test_keys_go_to_their_own_side_alone_and_into_no_log(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KEY_ONE", "secret-one")
    monkeypatch.setenv("KEY_TWO", "secret-two")
    monkeypatch.setenv("TOKEN", "secret-token")

    async def work() -> None:
        keys = {"device_side": {"key_env": "KEY_ONE"}, "edge_side": {"key_env": "KEY_TWO"}}
        async with proxied(tmp_path, token_env="TOKEN", **keys) as it:
            assert (await it.ask(EDGE))[0] == 401
            it.client.headers["Authorization"] = "Bearer secret-token"
            it.edge.failures.append("error")
            assert (await it.ask(EDGE))[0] == 200
            assert (await it.ask(EDGE))[0] == 200
            sent = [headers["Authorization"] for headers, _ in it.edge.requests]
            assert sent == ["Bearer secret-two"] * 2
            assert [h["Authorization"] for h, _ in it.device.requests] == ["Bearer secret-one"]
            metrics = await (await it.client.get(it.proxy.url[:-3] + "/metrics")).text()
            assert "secret" not in it.log.read_text() + metrics
            it.edge.behaviour = Behaviour(**FAST, key="another")  # 401: the other side answers
            _, headers, _ = await it.ask(EDGE)
            assert headers["X-EdgeRoute-Side"] == "device"
            assert "Hello" not in it.log.read_text()

    run(work)


def test_an_address_that_others_reach_asks_for_a_token() -> None:
    sides = {"device": {"url": "http://a/v1"}, "edge": {"url": "http://b/v1"}}
    for host in ("127.0.0.1", "::1", "localhost"):
        Settings(**sides, host=host)
    for host in ("0.0.0.0", "192.168.1.5", "::", "example.org"):
        with pytest.raises((InputError, ValueError), match="token_env"):
            Settings(**sides, host=host)
        Settings(**sides, host=host, token_env="TOKEN")


def test_no_more_dialogues_are_remembered_than_asked_for(tmp_path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            it.proxy.gateway.dialogues._most = 10
            for k in range(30):
                await it.ask(DEVICE, messages=[{"role": "user", "content": f"{k}"}], max_tokens=1)
            assert len(it.proxy.gateway.dialogues) == 10

    run(work)
