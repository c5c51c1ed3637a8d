"""A fake OpenAI-compatible server of known speed, for tests and demonstrations without a model.

Its times follow the law that the simulator has for a phone and for an idle edge server, so what is
measured on it can be compared with what it was made of. It can also fail, in one way at a time.

    python -m edgeroute_live.fake --port 8101 --prefill-s-per-token 0.001
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import math
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from aiohttp import web

from edgeroute_env.recordings.tokens import count_tokens

FAILURES = (
    "busy",  # 429 with Retry-After
    "error",  # 500
    "silence",  # takes the request and never answers
    "stall",  # goes silent after a few chunks
    "malformed",  # a chunk that is no JSON
    "truncated",  # the stream ends without finish_reason
    "reset-before",  # the connection is reset before the first byte
    "reset-after",  # the connection is reset after a few chunks
)
CHUNKS_BEFORE_FAILURE = 3
REMEMBERED_REQUESTS = 1000


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """What a fake server is like: its speeds, how it counts tokens, what it refuses.

    A prefill of n new tokens behind c cached ones takes `prefill_fixed_s + n (prefill_s_per_token +
    prefill_s_per_pair (c + n / 2))`; prefills are done one after the other. A token of an answer
    takes `decode_fixed_s`, `decode_s_per_sequence` for each answer under way, and
    `decode_s_per_context_token` for each token of their contexts.
    """

    model: str = "fake-model"
    prefill_fixed_s: float = 0.02
    prefill_s_per_token: float = 2e-4
    prefill_s_per_pair: float = 0.0
    decode_fixed_s: float = 0.004
    decode_s_per_sequence: float = 0.0
    decode_s_per_context_token: float = 0.0
    slots: int = 64  # answers at once; more wait
    answer_tokens: int = 4096  # of an answer that max_tokens does not cut
    template_tokens: int = 3  # added to every prompt
    message_tokens: int = 4  # added to every message
    tokens_per_estimate: float = 1.0  # of a text, over the simulator's estimate
    cache_tokens: int = 200_000  # prefixes kept, the latest used; 0: no prefix cache
    cache_block_tokens: int = 1  # a cached prefix is whole blocks (vLLM: 16)
    cached_answer_share: float = 1.0  # of an answer that stays cached
    reports_cache: bool = True
    reports_metrics: bool = True
    context_tokens: int = 32_768
    retry_after_s: int = 1
    key: str = ""  # the bearer token that is asked for, if any

    def prefill_s(self, new_tokens: float, cached_tokens: float) -> float:
        """Return the time of a prefill, s."""
        attended = cached_tokens + 0.5 * new_tokens
        per_token = self.prefill_s_per_token + self.prefill_s_per_pair * attended
        return self.prefill_fixed_s + new_tokens * per_token

    def token_s(self, batch: float, context_tokens: float) -> float:
        """Return the time of one token of an answer; the contexts are the batch's sum."""
        shared = self.decode_s_per_sequence * batch
        return self.decode_fixed_s + shared + self.decode_s_per_context_token * context_tokens


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
            return _failed(failure, self.behaviour.retry_after_s)
        if failure == "reset-before" and request.transport is not None:
            request.transport.abort()
        if failure in {"silence", "reset-before"}:
            await asyncio.Event().wait()
        answer = _Answer(self, body)
        if not body.get("stream"):
            words = [word async for word in answer.words()]
            return web.json_response(answer.whole("".join(words)))
        return await _streamed(request, answer, failure)

    def _refused(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        key, limit = self.behaviour.key, self.behaviour.context_tokens
        if key and request.headers.get("Authorization") != f"Bearer {key}":
            return _error(401, "invalid_api_key", "Incorrect API key provided")
        asked = self.prompt_tokens(body["messages"])
        if asked > limit:
            told = f"This model's maximum context length is {limit} tokens, not {asked}"
            return _error(400, "context_length_exceeded", told)
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


class _Answer:
    """One request's answer: its words as they come, and what is told of it."""

    def __init__(self, server: FakeServer, body: dict[str, Any]) -> None:
        self.server, self.body = server, body
        self.messages: list[dict[str, Any]] = body["messages"]
        most = server.behaviour.answer_tokens
        wanted = body.get("max_completion_tokens") or body.get("max_tokens") or most
        self.length = min(int(wanted), most)
        self.finish = "length" if wanted <= most else "stop"
        self.prompt_tokens = server.prompt_tokens(self.messages)
        self.cached_tokens = 0
        self.said = 0

    async def words(self) -> AsyncIterator[str]:
        """Yield the answer's words, one a token, each when it is done."""
        server, behaviour = self.server, self.server.behaviour
        clock = asyncio.get_running_loop().time
        async with server.slot():
            self.cached_tokens = server.cached_tokens(self.messages, self.prompt_tokens)
            try:
                new = self.prompt_tokens - self.cached_tokens
                due_s = await server.fill(new, self.cached_tokens)
                server.remember(self.messages, self.prompt_tokens)
                for k in range(self.length):
                    server.contexts[self] = self.prompt_tokens + k
                    if k:  # the prefill makes the first token
                        due_s += behaviour.token_s(server.running, sum(server.contexts.values()))
                        await asyncio.sleep(due_s - clock())
                    self.said += 1
                    yield " word"
            finally:
                server.contexts.pop(self, None)
                server.count(self.prompt_tokens, self.cached_tokens, self.said)
        kept = math.floor(behaviour.cached_answer_share * self.said)
        said = {"role": "assistant", "content": " word" * self.said}
        server.remember([*self.messages, said], self.prompt_tokens + kept)

    def usage(self) -> dict[str, Any]:
        """Return the usage as OpenAI's API has it."""
        total = self.prompt_tokens + self.said
        usage: dict[str, Any] = {"prompt_tokens": self.prompt_tokens}
        usage |= {"completion_tokens": self.said, "total_tokens": total}
        if self.server.behaviour.reports_cache:
            usage["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        return usage

    def _frame(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        model = self.server.behaviour.model
        return {"id": "chatcmpl-fake", "object": kind, "created": 0, "model": model} | {
            "choices": choices
        }

    def whole(self, text: str) -> dict[str, Any]:
        """Return the answer in one piece."""
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        return self._frame("chat.completion", [choice]) | {"usage": self.usage()}

    def chunk(self, delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        """Return one chunk of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._frame("chat.completion.chunk", [choice])

    async def chunks(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the stream's chunks: the role with the first word, and the usage if asked for."""
        async for word in self.words():
            if self.said == 1:
                yield self.chunk({"role": "assistant", "content": ""})
            yield self.chunk({"content": word})
        yield self.chunk({}, self.finish)
        if (self.body.get("stream_options") or {}).get("include_usage"):
            yield self._frame("chat.completion.chunk", []) | {"usage": self.usage()}


async def _streamed(
    request: web.Request, answer: _Answer, failure: str | None
) -> web.StreamResponse:
    """Send an answer as server-sent events, as far as the failure lets it."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    sent = 0
    async for chunk in answer.chunks():
        fails = sent >= CHUNKS_BEFORE_FAILURE
        if fails and failure == "truncated":
            break
        if fails and failure == "stall":
            await asyncio.Event().wait()
        if fails and failure == "reset-after" and request.transport is not None:
            request.transport.abort()
            await asyncio.Event().wait()
        text = json.dumps(chunk)
        if sent == CHUNKS_BEFORE_FAILURE and failure == "malformed":
            text = text[: len(text) // 2]
        await response.write(f"data: {text}\n\n".encode())
        sent += 1
    else:
        await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def text_of(message: dict[str, Any]) -> str:
    """Return a message's text; of one in parts, that of its text parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _key(messages: list[dict[str, Any]]) -> int:
    return hash(json.dumps([[m.get("role"), text_of(m)] for m in messages]))


def _failed(failure: str, retry_after_s: int) -> web.Response:
    if failure == "busy":
        response = _error(429, "rate_limit_exceeded", "Rate limit reached")
        response.headers["Retry-After"] = str(retry_after_s)
        return response
    return _error(500, "server_error", "The server had an error")


def _error(status: int, code: str, told: str) -> web.Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return web.json_response(
        {"error": {"message": told, "type": kind, "param": None, "code": code}}, status=status
    )


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


async def _serve(server: FakeServer, port: int) -> None:
    await server.start(port)
    print(f"{server.behaviour.model}: {server.url}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="edgeroute_live.fake", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--failure", choices=FAILURES)
    for field in dataclasses.fields(Behaviour):
        option = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            parser.add_argument(
                option, action=argparse.BooleanOptionalAction, default=field.default
            )
        else:
            parser.add_argument(option, type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    port, failure = options.pop("port"), options.pop("failure")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(FakeServer(Behaviour(**options), failure), port))


if __name__ == "__main__":
    main()
