"""Server-sent events as they come in, and the chat answer that they make.

A stream may be cut anywhere: within a line, within a character. What is not a whole answer is an
error here, so that nobody takes half an answer for one: a stream without `finish_reason` is broken.
The format is that of the HTML standard, section 9.2.6.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MOST_EVENT_BYTES = 16 * 2**20  # an event that is longer is no chunk of a chat
DONE = "[DONE]"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"

Chunk = dict[str, Any]


class BrokenStreamError(Exception):
    """What came is no chat stream, or only a part of one; the message says why."""


class EventParser:
    """Takes bytes as they come and gives the data of each event that is complete."""

    def __init__(self) -> None:
        """Begin a stream."""
        self._held = b""  # of a line that has not ended
        self._data: list[bytes] = []
        self._bytes = 0  # of `_data`
        self._begun = False

    def feed(self, received: bytes) -> list[str]:
        """Return the data of the events that `received` completes.

        Raises:
            BrokenStreamError: an event is too long, or is no UTF-8.
        """
        held = self._held + received
        if not self._begun:
            if len(held) < len(_BOM) and _BOM.startswith(held):
                self._held = held
                return []
            self._begun, held = True, held.removeprefix(_BOM)
        events: list[str] = []
        start = 0
        for end in _LINE_END.finditer(held):
            if end.group() == b"\r" and end.end() == len(held):
                break  # its "\n" may follow
            events += self._line(held[start : end.start()])
            start = end.end()
        self._held = held[start:]
        if len(self._held) + self._bytes > MOST_EVENT_BYTES:
            raise BrokenStreamError(f"an event of more than {MOST_EVENT_BYTES} bytes")
        return events

    def _line(self, line: bytes) -> Iterator[str]:
        if not line:
            if self._data:
                data = b"\n".join(self._data)
                self._data, self._bytes = [], 0
                try:
                    yield data.decode()
                except UnicodeDecodeError:
                    raise BrokenStreamError("an event that is no UTF-8") from None
        else:
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
                self._bytes += len(value)


class ChatStream:
    """A chat completion that is being streamed.

    Attributes:
        finish: the `finish_reason` of each choice that has begun, None while it goes on.
        usage: the last usage that the server told, or None.
        timings: what llama.cpp tells of its times, or None.
        done: whether the server has said that nothing follows.
    """

    def __init__(self) -> None:
        """Begin a stream."""
        self._parser = EventParser()
        self.finish: dict[int, str | None] = {}
        self.usage: dict[str, Any] | None = None
        self.timings: dict[str, Any] | None = None
        self.done = False

    def feed(self, received: bytes) -> list[Chunk]:
        """Return the chunks that `received` completes.

        Raises:
            BrokenStreamError: what came is no chunk, or is the server's own error.
        """
        chunks = []
        for data in self._parser.feed(received):
            if self.done:
                break
            if data.strip() == DONE:
                self.done = True
            else:
                chunks.append(self._chunk(data))
        return chunks

    def close(self) -> None:
        """Take the end of the stream; BrokenStreamError where the answer is not whole."""
        if not self.finish:
            raise BrokenStreamError("the stream ended before an answer")
        if None in self.finish.values():
            raise BrokenStreamError("the stream ended without finish_reason")

    def _chunk(self, data: str) -> Chunk:
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            raise BrokenStreamError("a chunk that is no JSON") from None
        if not isinstance(chunk, dict):
            raise BrokenStreamError("a chunk that is no JSON object")
        if chunk.get("error"):
            raise BrokenStreamError(f"the server's error: {_told(chunk['error'])}")
        choices = chunk.get("choices") or []
        if not isinstance(choices, list) or not all(isinstance(c, dict) for c in choices):
            raise BrokenStreamError("choices that are no list of objects")
        for choice in choices:
            index = choice.get("index", 0)
            if not isinstance(index, int):
                raise BrokenStreamError("a choice whose index is no number")
            reason = choice.get("finish_reason")
            self.finish[index] = reason or self.finish.get(index)
        for name in ("usage", "timings"):
            if isinstance(chunk.get(name), dict):
                setattr(self, name, chunk[name])
        return chunk


def says_something(chunk: Chunk) -> bool:
    """Return whether a chunk holds a part of an answer, more than who speaks."""
    for choice in chunk.get("choices") or []:
        delta = choice.get("delta")
        if isinstance(delta, dict) and any(v for name, v in delta.items() if name != "role"):
            return True
    return False


def event(data: Chunk | str) -> bytes:
    """Return an event that carries a chunk, or a text without line ends."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def _told(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(message).split())[:200]
