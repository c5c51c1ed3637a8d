"""One side: its server, whether it can be asked now, and an answer of it.

A request is sent again once if the connection ends before the first byte: servers close kept
connections after a stream. Whatever else goes wrong is a `SideError`, which says whether the other
side may answer instead. A side that cannot be reached is probed until it is back.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from edgeroute_live.sse import BrokenStreamError, ChatStream, Chunk, says_something
from edgeroute_live.timing import READ_BYTES, Endpoint

LONGEST_RETRY_AFTER_S = 3600.0
PROBE_WITHIN_S = 5.0
FAULT_OF_THE_REQUEST = (400, 413, 415, 422)  # the other side would say the same
TOO_LONG = ("context_length", "context length", "context size", "context_size", "context window")


@dataclass(frozen=True)
class Patience:
    """How long a side may take, s.

    connect_s: to accept a connection. silence_s: until the next byte of a stream. answer_s: for an
    answer that is not streamed. probe_s: between two looks whether it is back.
    """

    connect_s: float = 5.0
    silence_s: float = 120.0
    answer_s: float = 600.0
    probe_s: float = 2.0


class SideError(Exception):
    """A side gave no answer.

    Attributes:
        why: one word: down, reset, silent, busy, context, request, status, broken.
        status: of the server's response, or 0.
        body: of that response.
        retry_after_s: when the server wants to be asked again, or None.
    """

    def __init__(
        self,
        why: str,
        told: str,
        status: int = 0,
        body: bytes = b"",
        retry_after_s: float | None = None,
    ) -> None:
        """Say what happened in words."""
        super().__init__(told)
        self.why, self.status, self.body, self.retry_after_s = why, status, body, retry_after_s

    @property
    def moves(self) -> bool:
        """Whether the other side may be able to answer."""
        return self.why != "request"


class Reply:
    """An answer that has begun; `close` frees the server's place."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Take the response, whose status is 200."""
        self._response = response
        self._first: list[Chunk] = []
        self.answer: dict[str, Any] = {}  # the whole, where it is not streamed
        self.stream = ChatStream()

    async def begin(self, streamed: bool) -> None:
        """Wait for the first part of a streamed answer, or for the whole of another.

        Raises:
            BrokenStreamError: it is none.
        """
        if not streamed:
            self.answer = await self._whole()
            return
        async for chunks in self._received():
            self._first += chunks
            if any(says_something(chunk) for chunk in chunks) or any(self.stream.finish.values()):
                return
        self.stream.close()

    async def chunks(self) -> AsyncIterator[list[Chunk]]:
        """Yield the chunks, as many together as came together.

        Raises:
            SideError: the stream broke, or ended before the answer did.
        """
        yield self._first
        try:
            if not self.stream.done:
                async for chunks in self._received():
                    yield chunks
                    if self.stream.done:
                        break
            self.stream.close()
        except (aiohttp.ClientError, OSError, BrokenStreamError) as error:
            raise _failure(error) from None

    async def _received(self) -> AsyncIterator[list[Chunk]]:
        async for received in self._response.content.iter_any():
            if chunks := self.stream.feed(received):
                yield chunks

    async def _whole(self) -> dict[str, Any]:
        content = await self._response.read()
        try:
            answer = json.loads(content)
            complete = all(choice["finish_reason"] for choice in answer["choices"])
            if answer["choices"] and complete:
                return dict(answer)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BrokenStreamError("an answer that is none") from None
        raise BrokenStreamError("an answer without finish_reason")

    def close(self) -> None:
        """Drop the connection, unless the answer is complete and it can be kept."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class Upstream:
    """The server of one side. `back_at_s` is when it last came back, on the monotonic clock."""

    def __init__(self, side: str, endpoint: Endpoint, patience: Patience | None = None) -> None:
        """Take a side's endpoint; nothing is sent yet."""
        self.side, self.endpoint = side, endpoint
        self.patience = patience or Patience()
        self.back_at_s = -float("inf")
        self._busy_until_s = -float("inf")
        self._probe: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def hindrance(self) -> str:
        """Why it cannot be asked now: down or busy; "" if it can."""
        if self._probe is not None:
            return "down"
        return "busy" if time.monotonic() < self._busy_until_s else ""

    async def close(self) -> None:
        """Close all connections."""
        if self._probe is not None:
            self._probe.cancel()
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), read_bufsize=READ_BYTES
            )
        return self._session

    def url(self, path: str) -> str:
        """Return the address of a path below the OpenAI base URL."""
        return self.endpoint.url.rstrip("/") + path

    async def get(self, url: str) -> tuple[int, str]:
        """Return status and text of an address; OSError or ClientError where there is none."""
        timeout = aiohttp.ClientTimeout(total=PROBE_WITHIN_S)
        headers = self.endpoint.headers()
        async with self._open().get(url, headers=headers, timeout=timeout) as response:
            return response.status, await response.text(errors="replace")

    async def ask(self, body: dict[str, Any]) -> Reply:
        """Send a chat completion and return its answer, begun.

        Raises:
            SideError: no answer has begun.
        """
        streamed = bool(body.get("stream"))
        data = json.dumps({**body, "model": self.endpoint.model or body["model"]}).encode()
        try:
            response = await self._post(data, streamed)
        except (aiohttp.ClientError, OSError) as error:
            failure = _failure(error)
            self._lose()
            raise failure from None
        if response.status != 200:
            raise await self._refusal(response)
        reply = Reply(response)
        try:
            await reply.begin(streamed)
        except BaseException as error:
            reply.close()
            if isinstance(error, aiohttp.ClientError | OSError | BrokenStreamError):
                raise _failure(error) from None
            raise
        return reply

    async def _post(self, data: bytes, streamed: bool) -> aiohttp.ClientResponse:
        patience = self.patience
        timeout = aiohttp.ClientTimeout(
            sock_connect=patience.connect_s,
            sock_read=patience.silence_s if streamed else patience.answer_s,
        )
        headers = {"Content-Type": "application/json", **self.endpoint.headers()}
        for last in (False, True):
            try:
                return await self._open().post(
                    self.url("/chat/completions"), data=data, headers=headers, timeout=timeout
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if last or isinstance(error, aiohttp.ClientConnectorError):
                    raise
        raise AssertionError  # the second try returns or raises

    async def _refusal(self, response: aiohttp.ClientResponse) -> SideError:
        """Return what a response of another status than 200 means."""
        status = response.status
        try:
            body = await response.content.read(2**16)
        except (aiohttp.ClientError, OSError):
            body = b""
        response.close()
        if key := self.endpoint.key.encode():  # some servers tell which key they refuse
            body = body.replace(key, b"***")
        text = body.decode(errors="replace")
        told = f"status {status}: {' '.join(text.split())[:200]}"
        if status in FAULT_OF_THE_REQUEST:
            too_long = any(words in text.lower() for words in TOO_LONG)
            return SideError("context" if too_long else "request", told, status, body)
        after_s = _retry_after_s(response.headers.get("Retry-After"))
        if status == 429 or (status == 503 and after_s is not None):
            self._busy_until_s = time.monotonic() + (after_s or 1.0)
            return SideError("busy", told, status, body, after_s)
        return SideError("status", told, status, body)

    def _lose(self) -> None:
        """Take the side as down and look from time to time whether it is back."""
        if self._probe is None:
            self._probe = asyncio.get_running_loop().create_task(self._probing())

    async def _probing(self) -> None:
        while True:
            await asyncio.sleep(self.patience.probe_s)
            try:
                status, _ = await self.get(self.url("/models"))
            except (aiohttp.ClientError, OSError):
                continue
            if status < 500:
                break
        self.back_at_s = time.monotonic()
        self._probe = None


def _failure(error: Exception) -> SideError:
    told = str(error) or type(error).__name__
    kinds: tuple[tuple[Callable[[Exception], bool], str], ...] = (
        (lambda e: isinstance(e, BrokenStreamError), "broken"),
        (lambda e: isinstance(e, aiohttp.ClientConnectorError), "down"),
        (lambda e: isinstance(e, aiohttp.ConnectionTimeoutError), "down"),
        (lambda e: isinstance(e, TimeoutError), "silent"),
    )
    why = next((word for is_it, word in kinds if is_it(error)), "reset")
    return SideError(why, told[:200])


def _retry_after_s(header: str | None) -> float | None:
    """Return the seconds that Retry-After asks for, given as such or as a date."""
    if header is None:
        return None
    try:
        wait_s = float(header)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(header).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S) if wait_s == wait_s else None
