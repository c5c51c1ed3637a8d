"""The messages of a request: what is new in them, and which dialogue they go on with.

A client sends the whole conversation each time. A dialogue is known by the messages of the user,
the system and the tools; what the assistant said is left out, since clients shorten it. Only keyed
hashes are kept, and of so many dialogues alone.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.tokens import count_tokens
from edgeroute_live.state import Dialogue

Message = dict[str, Any]


class Prompt(NamedTuple):
    """What a request adds to its dialogue.

    text: of the new messages. tokens: an estimate of theirs. history_tokens: the same of all before
    them. turn: from 1. attachment_bytes: of images and files. history_key, key: of the dialogue
    before this turn and after it.
    """

    text: str
    tokens: int
    history_tokens: int
    turn: int
    messages: int
    attachment_bytes: int
    history_key: bytes
    key: bytes


class Dialogues:
    """The dialogues that were heard last, up to `most`."""

    def __init__(self, most: int = 10_000) -> None:
        """Begin with none, and a salt that nobody knows."""
        self._most = most
        self._salt = secrets.token_bytes(16)
        self._known: OrderedDict[bytes, Dialogue] = OrderedDict()
        self._begun = 0

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._known)

    def read(self, messages: Any) -> Prompt:
        """Return what a request's messages add.

        Raises:
            InputError: they are no list of messages.
        """
        if not isinstance(messages, list) or not messages:
            raise InputError("messages", messages, "a list of at least one message")
        for k, message in enumerate(messages):
            if not isinstance(message, dict) or not isinstance(message.get("role"), str):
                raise InputError(f"messages.{k}", message, "an object with a role (a text)")
        said = [k for k, message in enumerate(messages) if message["role"] == "assistant"]
        begin = said[-1] + 1 if said and said[-1] + 1 < len(messages) else 0
        turn = 1 + len(said) if begin else 1
        new, history = messages[begin:], messages[:begin]
        text = "\n".join(filter(None, map(text_of, new)))
        return Prompt(
            text=text,
            tokens=_tokens(new),
            history_tokens=_tokens(history) if history else 0,
            turn=turn,
            messages=len(messages),
            attachment_bytes=sum(map(_attached_bytes, new)),
            history_key=self._key(history),
            key=self._key(messages),
        )

    def find(self, prompt: Prompt, score: float) -> Dialogue:
        """Return the dialogue that a prompt goes on with: a copy, or a new one."""
        known = self._known.get(prompt.history_key) if prompt.turn > 1 else None
        if known is not None:
            return known.branch()
        self._begun += 1
        name = blake2b(prompt.key + str(self._begun).encode(), key=self._salt, digest_size=6)
        if prompt.turn == 1:
            return Dialogue(name.hexdigest())
        return Dialogue.taken_up(name.hexdigest(), prompt.turn - 1, prompt.history_tokens, score)

    def keep(self, prompt: Prompt, dialogue: Dialogue) -> None:
        """Remember a dialogue after a turn of it; the one unheard of longest is forgotten."""
        self._known[prompt.key] = dialogue
        self._known.move_to_end(prompt.key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def _key(self, messages: Sequence[Message]) -> bytes:
        digest = blake2b(key=self._salt, digest_size=16)
        for message in messages:
            if message["role"] != "assistant":
                digest.update(json.dumps([message["role"], message.get("content")]).encode())
        return digest.digest()


def text_of(message: Message) -> str:
    """Return the text of a message, whether its content is one or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        part["text"]
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    )


def _tokens(messages: Sequence[Message]) -> int:
    return sum(count_tokens(text) for text in map(text_of, messages) if text)


def _attached_bytes(message: Message) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    others = [part for part in parts if not (isinstance(part, dict) and "text" in part)]
    return len(json.dumps(others)) if others else 0
