"""What `edgeroute live check` sees of a server, and what it calls wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("aiohttp")

from edgeroute_env import InputError
from edgeroute_env.cli.app import app
from edgeroute_live.checking import Finding, check
from edgeroute_live.fake import Behaviour, FakeServer, in_thread
from edgeroute_live.timing import Endpoint, reached

QUICK: dict[str, Any] = {"prefill_fixed_s": 0.001, "prefill_s_per_token": 1e-5}
QUICK |= {"decode_fixed_s": 0.001}


def findings(**behaviour: Any) -> dict[str, Finding]:
    async def run() -> list[Finding]:
        async with FakeServer(Behaviour(**QUICK | behaviour)) as server:
            return await reached(Endpoint(server.url, "fake-model"), check, "edge")

    return {finding.what: finding for finding in asyncio.run(run())}


def test_a_good_server_lacks_nothing() -> None:
    found = findings()
    assert all(finding.good for finding in found.values())
    assert found["chat template"].seen == "7 + 1.00 x our estimate"


@pytest.mark.parametrize(
    ("behaviour", "lacking"),
    [
        ({"model": "another"}, "model"),
        ({"tokens_per_estimate": 0.0}, "chat template"),  # every prompt a few tokens long
        ({"template_tokens": 0, "message_tokens": 0}, "chat template"),
        ({"template_tokens": 700}, "chat template"),
        ({"reports_cache": False}, "prefix cache"),
        ({"cache_tokens": 0}, "prefix cache"),
        ({"reports_metrics": False}, "metrics"),
    ],
)
def test_what_a_server_lacks_is_named(behaviour: dict[str, Any], lacking: str) -> None:
    assert [what for what, seen in findings(**behaviour).items() if not seen.good] == [lacking]


def told(device: str, edge: str, *more: str) -> Any:
    words = ["live", "check", "--device", device, "--edge", edge, *more]
    return CliRunner().invoke(app, words)


def test_the_command_ends_with_1_only_where_routing_needs_what_is_missing() -> None:
    good = FakeServer(Behaviour(**QUICK, reports_metrics=False))
    bad = FakeServer(Behaviour(**QUICK, tokens_per_estimate=0.0))
    with in_thread(good, bad):
        assert told(good.url, good.url).exit_code == 0
        result = told(good.url, bad.url)
    assert result.exit_code == 1
    assert "edge: chat template" in result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_key_goes_to_its_own_side_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEROUTE_EDGE_KEY", "secret-of-the-edge")
    device, edge = (
        FakeServer(Behaviour(**QUICK)),
        FakeServer(Behaviour(**QUICK, key="secret-of-the-edge")),
    )
    with in_thread(device, edge):
        result = told(device.url, edge.url)
    assert result.exit_code == 0, result.output
    assert "secret" not in result.output
    assert not any("Authorization" in headers for headers, _ in device.requests)


def test_what_is_no_such_server_is_one_error() -> None:
    result = told("ftp://x", "http://127.0.0.1:9/v1")
    assert isinstance(result.exception, InputError)
    assert "--device: got 'ftp://x'" in str(result.exception)
    result = told("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1")
    assert "--device: got 'http://127.0.0.1:9/v1'" in str(result.exception)
