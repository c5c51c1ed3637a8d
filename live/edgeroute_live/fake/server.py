"""The fake server: its slots, its cache, its clock and what it tells of itself."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web

from edgeroute_env.recordings.tokens import count_tokens
from edgeroute_live.fake.answer import Answer, error, failed, streamed, text_of
from edgeroute_live.fake.behaviour import Behaviour

REMEMBERED_REQUESTS = 1000


class FakeServer:
    """One fake server. `failure` fails every request, `failures` the next ones, in their order."""

    def __init__(self, behaviour: Behaviour | None = None, failure: str | None = None) -> None:
        """Make a server; `start` or `async with` lets it listen."""
        self.behaviour = behaviour or Behaviour()
        self.failure = failure
        self.failures: deque[str | None] = deque()
        self.requests: deque[tuple[dict[str, str], dict[str, Any]]] = deque(
            maxlen=REMEMBERED_REQUESTS
        )
        self.contexts: dict[object, int] = {}  # of the answers under way, tokens
        self.waiting = 0
        self.url = ""
        self._cache: OrderedDict[int, int] = OrderedDict()  # prefix of a conversation -> tokens
        self._filled_at_s = 0.0
        self._slots = asyncio.Semaphore(self.behaviour.slots)
        self._counts = dict.fromkeys(("queries", "hits", "prompt", "generation"), 0)
        self._runner: web.AppRunner | None = None

    @property
    def running(self) -> int:
        """How many answers are under way."""
        return len(self.contexts)

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; `url` says where, with the `/v1` of an OpenAI base URL."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        """Stop listening and drop what is under way."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> FakeServer:
        """Listen on a free port."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append((dict(request.headers), body))
        refused = self._refused(request, body)
        if refused is not None:
            return refused
        failure = self.failures.popleft() if self.failures else self.failure
        if failure in {"busy", "error"}:
            return failed(failure, self.behaviour.retry_after_s)
        if failure == "reset-before" and request.transport is not None:
            request.transport.abort()
        if failure in {"silence", "reset-before"}:
            await asyncio.Event().wait()
        answer = Answer(self, body)
        if not body.get("stream"):
            words = [word async for word in answer.words()]
            return web.json_response(answer.whole("".join(words)))
        return await streamed(request, answer, failure)

    def _refused(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        key, limit = self.behaviour.key, self.behaviour.context_tokens
        if key and request.headers.get("Authorization") != f"Bearer {key}":
            return error(401, "invalid_api_key", "Incorrect API key provided")
        asked = self.prompt_tokens(body["messages"])
        if asked > limit:
            told = f"This model's maximum context length is {limit} tokens, not {asked}"
            return error(400, "context_length_exceeded", told)
        return None

    def prompt_tokens(self, messages: list[dict[str, Any]]) -> int:
        """Return how many tokens the server makes of a conversation."""
        known = self.behaviour
        texts = sum(count_tokens(text) for m in messages if (text := text_of(m)))
        template = known.template_tokens + known.message_tokens * len(messages)
        return template + round(known.tokens_per_estimate * texts)

    def cached_tokens(self, messages: list[dict[str, Any]], prompt_tokens: int) -> int:
        """Return how much of a prompt is in the cache; its last token never is."""
        known = [self._cache.get(_key(messages[:n]), 0) for n in range(1, len(messages) + 1)]
        block = max(1, self.behaviour.cache_block_tokens)
        return min(max(known, default=0), prompt_tokens - 1) // block * block

    def remember(self, messages: list[dict[str, Any]], tokens: int) -> None:
        """Keep the prefix that `messages` are; the longest unused go first."""
        self._cache[_key(messages)] = tokens
        self._cache.move_to_end(_key(messages))
        while sum(self._cache.values()) > self.behaviour.cache_tokens:
            self._cache.popitem(last=False)

    async def fill(self, new_tokens: int, cached_tokens: int) -> float:
        """Wait until the prefill is done, after those before it; return the clock's time, s."""
        clock = asyncio.get_running_loop().time
        self._filled_at_s = max(clock(), self._filled_at_s)
        self._filled_at_s += self.behaviour.prefill_s(new_tokens, cached_tokens)
        done_s = self._filled_at_s
        await asyncio.sleep(done_s - clock())
        return done_s

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of the server's slots."""
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    def count(self, prompt: int, cached: int, answer: int) -> None:
        """Count what the metrics show."""
        for name, more in zip(self._counts, (prompt, cached, prompt, answer), strict=True):
            self._counts[name] += more

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": self.behaviour.model, "object": "model", "owned_by": "fake"}
        model["max_model_len"] = self.behaviour.context_tokens  # type: ignore[assignment]
        return web.json_response({"object": "list", "data": [model]})

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _metrics(self, _: web.Request) -> web.Response:
        if not self.behaviour.reports_metrics:
            return web.Response(status=404)
        held = sum(self.contexts.values()) / max(1, self.behaviour.cache_tokens)
        values = {
            "num_requests_running": self.running,
            "num_requests_waiting": self.waiting,
            "kv_cache_usage_perc": min(1.0, held),
            "prefix_cache_queries_total": self._counts["queries"],
            "prefix_cache_hits_total": self._counts["hits"],
            "prompt_tokens_total": self._counts["prompt"],
            "generation_tokens_total": self._counts["generation"],
        }
        label = f'{{model_name="{self.behaviour.model}"}}'
        lines = [f"vllm:{name}{label} {value}\n" for name, value in values.items()]
        return web.Response(text="".join(lines))


def _key(messages: list[dict[str, Any]]) -> int:
    return hash(json.dumps([[m.get("role"), text_of(m)] for m in messages]))


@contextmanager
def in_thread(*servers: FakeServer) -> Iterator[None]:
    """Let fake servers listen on free ports, in a thread of their own, while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        for server in servers:
            asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield
    finally:
        for server in servers:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
