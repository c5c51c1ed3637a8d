"""One request to one side, and when each part of its answer came.

Every text begins with a number of its own, so that no server has it in its cache.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.tokens import count_tokens
from edgeroute_live.sse import BrokenStreamError, ChatStream, says_something
from edgeroute_live.usage import usage_of

ANSWER_WITHIN_S = 300.0
READ_BYTES = 2**16
WORDS = "the river runs past old stone houses and a small market where people sell bread".split()

Message = dict[str, str]


@dataclass(frozen=True)
class Endpoint:
    """One side's server: its OpenAI base URL (with /v1), its model, and the key it asks for."""

    url: str
    model: str = ""
    key: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers that every request to the server has."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


class Timed(NamedTuple):
    """A request that was answered: tokens as the server counts them, times of one clock (s).

    `prompt_tokens` are those of the whole conversation; `estimate_tokens` are the simulator's
    estimate of its texts. `cached_tokens` is None where the server does not tell. `times_s` is when
    each part of the answer came.
    """

    messages: int
    estimate_tokens: int
    prompt_tokens: int
    cached_tokens: int | None
    answer_tokens: int
    sent_s: float
    times_s: tuple[float, ...]
    text: str
    body_bytes: int

    @property
    def first_s(self) -> float:
        """When the first token came."""
        return self.times_s[0]

    @property
    def last_s(self) -> float:
        """When the last token came."""
        return self.times_s[-1]

    @property
    def ttft_s(self) -> float:
        """The time to the first token, s."""
        return self.first_s - self.sent_s

    @property
    def token_s(self) -> float:
        """The mean time of a token after the first, s."""
        return (self.last_s - self.first_s) / max(1, self.answer_tokens - 1)


class RefusedError(Exception):
    """A server's answer that is none: its status and what it told."""

    def __init__(self, status: int, told: str) -> None:
        """Keep the status."""
        super().__init__(f"status {status}: {told}")
        self.status = status


class Client:
    """Sends requests to one side over kept connections; `async with` closes them."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Take the side's endpoint; nothing is sent yet."""
        self.endpoint = endpoint
        self._numbers = itertools.count(1)
        self._run = secrets.token_hex(3)

    async def __aenter__(self) -> Client:
        """Open."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S, sock_connect=10.0),
            read_bufsize=READ_BYTES,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self._session.close()

    def prompt(self, tokens: int) -> str:
        """Return a text of about so many tokens that no cache holds."""
        begin = f"{self._run} {next(self._numbers)}:"
        words = itertools.islice(itertools.cycle(WORDS), max(1, tokens - count_tokens(begin)))
        return " ".join([begin, *words])

    async def get(self, path: str) -> tuple[float, int, bytes]:
        """Return how long a GET below the base URL took (s), its status and its body."""
        clock = asyncio.get_running_loop().time
        url = self.endpoint.url.rstrip("/") + path
        started_s = clock()
        async with self._session.get(url, headers=self.endpoint.headers()) as response:
            content = await response.read()
            return clock() - started_s, response.status, content

    async def fetch(self, url: str) -> tuple[int, str]:
        """Return the status and the text of any address of the server."""
        async with self._session.get(url, headers=self.endpoint.headers()) as response:
            return response.status, await response.text(errors="replace")

    async def models(self) -> list[dict[str, Any]]:
        """Return the models that the server lists."""
        _, status, content = await self.get("/models")
        if status != 200:
            raise RefusedError(status, content[:200].decode(errors="replace"))
        try:
            listed = json.loads(content)["data"]
            return [model for model in listed if isinstance(model["id"], str)]
        except (ValueError, KeyError, TypeError):
            raise RefusedError(status, "no list of models") from None

    async def ask(
        self, messages: list[Message], answer_tokens: int, padding_bytes: int = 0
    ) -> Timed:
        """Send a conversation and time its streamed answer; the padding is white space.

        Raises:
            RefusedError: the server refused, or its stream broke or tells no usage.
        """
        body: dict[str, Any] = {"model": self.endpoint.model, "messages": messages}
        body |= {"max_tokens": answer_tokens, "temperature": 0.0}
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        data = json.dumps(body).encode() + b" " * padding_bytes
        headers = {"Content-Type": "application/json", **self.endpoint.headers()}
        clock = asyncio.get_running_loop().time
        stream, text, times = ChatStream(), [], []
        sent_s = clock()
        url = self.endpoint.url.rstrip("/") + "/chat/completions"
        async with self._session.post(url, data=data, headers=headers) as response:
            if response.status != 200:
                raise RefusedError(response.status, (await response.text())[:200])
            try:
                async for received in response.content.iter_any():
                    for chunk in stream.feed(received):
                        if says_something(chunk):
                            times.append(clock())
                            text.append(_said(chunk))
                stream.close()
            except BrokenStreamError as error:
                raise RefusedError(200, str(error)) from None
        usage = usage_of(stream.usage, stream.timings)
        if not times or not usage.prompt_tokens or not usage.answer_tokens:
            raise RefusedError(200, "a stream without usage" if times else "an empty answer")
        return Timed(
            messages=len(messages),
            estimate_tokens=sum(count_tokens(m["content"]) for m in messages),
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            answer_tokens=usage.answer_tokens,
            sent_s=sent_s,
            times_s=tuple(times),
            text="".join(text),
            body_bytes=len(data),
        )


def _said(chunk: dict[str, Any]) -> str:
    """Return the text of a chunk's first choice."""
    return str(chunk["choices"][0].get("delta", {}).get("content") or "")


def user(text: str) -> Message:
    """Return what a user says, as a message."""
    return {"role": "user", "content": text}


async def reached(endpoint: Endpoint, what: Callable[[Client], Awaitable[Any]], side: str) -> Any:
    """Return what `what` finds with a client of a side.

    Raises:
        InputError: the server cannot be reached, refuses, or is no OpenAI-compatible one.
    """
    try:
        async with Client(endpoint) as client:
            return await what(client)
    except (aiohttp.ClientError, TimeoutError, RefusedError, ValueError) as error:
        told = str(error) or type(error).__name__
        allowed = f"an OpenAI-compatible server's base URL, such as http://host:8080/v1 ({told})"
        raise InputError(f"--{side}", endpoint.url, allowed) from None
