"""A stream is what it is however it is cut, and only a whole answer counts as one."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeroute_live.sse import DONE, BrokenStreamError, ChatStream, EventParser, event

TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def fed(parser: EventParser, content: bytes, cuts: list[int]) -> list[str]:
    """Feed the content in pieces; return the events."""
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    pieces = [content[a:b] for a, b in itertools.pairwise(places)]
    return [data for piece in pieces for data in parser.feed(piece)]


def answered(content: bytes) -> ChatStream:
    """Return the whole answer that the content is."""
    chat = ChatStream()
    chat.feed(content)
    chat.close()
    return chat


def stream(*data: str) -> bytes:
    return b"".join(event(text) for text in data)


def part(text: str | None = None, finish: str | None = None, index: int = 0) -> str:
    delta = {} if text is None else {"content": text}
    return json.dumps({"choices": [{"index": index, "delta": delta, "finish_reason": finish}]})


@settings(deadline=None, max_examples=150)
@given(st.lists(TEXTS, min_size=1), ENDS, st.lists(st.integers(0, 500)), st.booleans())
def test_events_do_not_depend_on_line_ends_or_cuts(texts, end, cuts, mark) -> None:
    lines = [f": a comment{end}id: 7{end}data: {text}{end}{end}" for text in texts]
    content = ("\ufeff" * mark + "".join(lines) + "\n").encode()
    assert fed(EventParser(), content, cuts) == texts


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_no_bytes_do_more_than_break_the_stream(content, cuts) -> None:
    """Whatever comes, whole or in pieces, ends in the same events or in the one error."""
    found = []
    for pieces in ([], cuts):
        try:
            found.append(fed(EventParser(), content, pieces))
        except BrokenStreamError:
            found.append(None)
    assert found[0] == found[1]
    with pytest.raises(BrokenStreamError):
        answered(content)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "index", "delta", "finish_reason", "usage", "error"]), inner
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)
@given(st.lists(JSONS, max_size=4))
def test_no_json_does_more_than_break_the_stream(values) -> None:
    try:
        chat = answered(stream(*map(json.dumps, values)))
    except BrokenStreamError:
        return
    assert chat.finish
    assert all(chat.finish.values())


def test_data_over_several_lines_is_one_event() -> None:
    assert EventParser().feed(b"data: {\ndata:  1}\n\n") == ["{\n 1}"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        stream(DONE),
        stream(part("hello")),
        stream(part("hello"), DONE),
        stream(part("a", "stop"), part("b", index=1)),
        stream(part("hello", "stop"), '{"error": {"message": "out of memory"}}'),
        stream("[]"),
        stream("{"),
        stream('{"choices": 3}'),
        b"data: \xff\n\n",
    ],
)
def test_half_an_answer_is_an_error(content: bytes) -> None:
    with pytest.raises(BrokenStreamError):
        answered(content)


def test_a_whole_answer_tells_its_usage_and_nothing_follows_it() -> None:
    chat = ChatStream()
    usage = json.dumps({"choices": [], "usage": {"prompt_tokens": 3}})
    chunks = chat.feed(stream(part("a"), part(None, "stop"), usage, DONE, "{"))
    chat.close()
    assert len(chunks) == 3
    assert chat.done
    assert chat.usage == {"prompt_tokens": 3}
