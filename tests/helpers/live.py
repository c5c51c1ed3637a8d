"""A proxy between two fake servers, and a client before it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp

from edgeroute_env import Scenario, load_scenario
from edgeroute_live.deciding import Gateway
from edgeroute_live.fake import Behaviour, FakeServer
from edgeroute_live.log import LoggedTurn, read_log
from edgeroute_live.prompts import Dialogues
from edgeroute_live.proxy import Proxy
from edgeroute_live.serving import Settings
from edgeroute_live.state import LiveState

FAST = {"prefill_fixed_s": 0.002, "prefill_s_per_token": 1e-6, "decode_fixed_s": 0.0005}
HELLO = [{"role": "user", "content": "Hello, how are you today?"}]


@cache
def scenario() -> Scenario:
    """Return the scenario that the tests' gateways stand on."""
    return load_scenario("mtbench101")


@cache
def _gateway() -> Gateway:
    return Gateway(scenario(), scorer=0.3)


def fresh_gateway() -> Gateway:
    """Return a gateway that knows of no turn yet; the same one each time."""
    gateway = _gateway()
    gateway.state, gateway.dialogues = LiveState(scenario()), Dialogues()
    return gateway


@dataclass
class Set:
    """A proxy, its two servers and a client."""

    proxy: Proxy
    device: FakeServer
    edge: FakeServer
    client: aiohttp.ClientSession
    log: Path

    async def post(self, model: str = "edgeroute", **body: Any) -> aiohttp.ClientResponse:
        """Send a chat completion; the response has begun."""
        content = {"model": model, "messages": HELLO, "max_tokens": 5, **body}
        return await self.client.post(self.proxy.url + "/chat/completions", json=content)

    async def ask(self, model: str = "edgeroute", **body: Any) -> tuple[int, Any, Any]:
        """Return status, headers and content of an answer: JSON, or a stream's events."""
        response = await self.post(model, **body)
        async with response:
            text = await response.text()
            if response.content_type != "text/event-stream":
                return response.status, response.headers, json.loads(text)
            events = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
            return response.status, response.headers, events

    def turns(self) -> list[LoggedTurn]:
        """Return what the log holds."""
        return read_log([self.log])


@asynccontextmanager
async def proxied(
    folder: Path,
    device: Behaviour | None = None,
    edge: Behaviour | None = None,
    gateway: Gateway | None = None,
    **settings: Any,
) -> AsyncIterator[Set]:
    """Run a proxy between two fast servers."""
    usual = Behaviour(**FAST)
    log = folder / "turns.jsonl"
    async with FakeServer(device or usual) as one, FakeServer(edge or usual) as two:
        sides = {
            "device": {"url": one.url, "model": "small", **settings.pop("device_side", {})},
            "edge": {"url": two.url, "model": "large", **settings.pop("edge_side", {})},
        }
        limits = {"probe_s": 0.05, "drain_s": 5.0, **settings.pop("limits", {})}
        made = Settings(**sides, port=0, log=log, limits=limits, **settings)
        proxy = Proxy(made, gateway or fresh_gateway())
        await proxy.start()
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as client:
                yield Set(proxy, one, two, client, log)
        finally:
            await proxy.stop()


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, at most a minute; what is compiled is compiled before."""
    fresh_gateway()
    asyncio.run(asyncio.wait_for(work(), 60.0))  # type: ignore[arg-type]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(30.0):
        while not condition():
            await asyncio.sleep(0.01)


def said(events: list[str]) -> str:
    """Return the text of a stream's events."""
    chunks = [json.loads(text) for text in events if text != "[DONE]"]
    parts = (choice["delta"].get("content") for c in chunks for choice in c.get("choices", []))
    return "".join(filter(None, parts))
