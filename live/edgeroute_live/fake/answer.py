"""A fake server's answers: words at their times, as one piece or a stream, and errors."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from edgeroute_live.fake.server import FakeServer

CHUNKS_BEFORE_FAILURE = 3


class Answer:
    """One request's answer: its words as they come, and what is told of it."""

    def __init__(self, server: FakeServer, body: dict[str, Any]) -> None:
        """Read how long the answer is to be, and how many choices it has; all say the same."""
        self.server, self.body = server, body
        self.messages: list[dict[str, Any]] = body["messages"]
        most = server.behaviour.answer_tokens
        wanted = body.get("max_completion_tokens") or body.get("max_tokens") or most
        self.length = min(int(wanted), most)
        self.tool = server.behaviour.tool if body.get("tools") else ""
        ends = "tool_calls" if self.tool else "stop"
        self.finish = "length" if wanted <= most else ends
        self.choices = range(body.get("n") or 1)
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
        said = self.said * len(self.choices)
        usage: dict[str, Any] = {"prompt_tokens": self.prompt_tokens}
        usage |= {"completion_tokens": said, "total_tokens": self.prompt_tokens + said}
        if self.server.behaviour.reports_cache:
            usage["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        return usage

    def _frame(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        model = self.server.behaviour.model
        return {"id": "chatcmpl-fake", "object": kind, "created": 0, "model": model} | {
            "choices": choices
        }

    def _said(self, text: str) -> dict[str, Any]:
        """Return what a message or a chunk of it says: a text, or a tool's arguments."""
        if not self.tool:
            return {"content": text}
        called = {"name": self.tool, "arguments": text}
        return {"tool_calls": [{"index": 0, "id": "call", "type": "function", "function": called}]}

    def whole(self, text: str) -> dict[str, Any]:
        """Return the answer in one piece."""
        message = {"role": "assistant", "content": None, **self._said(text)}
        choice = {"message": message, "finish_reason": self.finish}
        choices = [{"index": index, **choice} for index in self.choices]
        return self._frame("chat.completion", choices) | {"usage": self.usage()}

    def parts(self, delta: dict[str, Any], finish: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield a chunk of a stream for each choice."""
        for index in self.choices:
            choice = {"index": index, "delta": delta, "finish_reason": finish}
            if self.body.get("logprobs"):
                choice["logprobs"] = {"content": [{"token": "word", "logprob": -0.5}]}
            yield self._frame("chat.completion.chunk", [choice])

    async def chunks(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the stream's chunks: the role with the first word, and the usage if asked for."""
        async for word in self.words():
            role = [{"role": "assistant", "content": ""}] if self.said == 1 else []
            for delta in (*role, self._said(word)):
                for chunk in self.parts(delta):
                    yield chunk
        for chunk in self.parts({}, self.finish):
            yield chunk
        if (self.body.get("stream_options") or {}).get("include_usage"):
            yield self._frame("chat.completion.chunk", []) | {"usage": self.usage()}


async def streamed(request: web.Request, answer: Answer, failure: str | None) -> web.StreamResponse:
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


def failed(failure: str, retry_after_s: int) -> web.Response:
    """Return the answer to a request that fails as a whole."""
    if failure == "busy":
        response = error(429, "rate_limit_exceeded", "Rate limit reached")
        response.headers["Retry-After"] = str(retry_after_s)
        return response
    return error(500, "server_error", "The server had an error")


def error(status: int, code: str, told: str) -> web.Response:
    """Return an error as OpenAI's API words it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return web.json_response(
        {"error": {"message": told, "type": kind, "param": None, "code": code}}, status=status
    )
