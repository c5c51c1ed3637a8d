"""The course of one turn: scored, decided, asked of a side, sent to the client, logged.

The client gets nothing before a side has begun to answer, so the other side can still take over.
After that a broken answer ends with an error event and without [DONE], which no client takes for a
whole one.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from edgeroute_env.envs.observation import decode
from edgeroute_env.routing import ROUTES
from edgeroute_live.counters import Counters
from edgeroute_live.deciding import Decision, Gateway
from edgeroute_live.log import LoggedTurn
from edgeroute_live.sse import DONE, Chunk, event, says_something
from edgeroute_live.upstream import Reply, SideError, Upstream
from edgeroute_live.usage import Usage, usage_of

GONE = 499  # what servers log of a client that did not wait


@dataclass
class Asked:
    """A client's request: its body, how long it is, and what it asked of the stream's end."""

    body: dict[str, Any]
    bytes: int
    model: str

    @property
    def streamed(self) -> bool:
        """Whether the answer is to come in parts."""
        return bool(self.body.get("stream"))

    @property
    def most_tokens(self) -> int | None:
        """The limit of the answer, if there is a sensible one."""
        limit = self.body.get("max_completion_tokens") or self.body.get("max_tokens")
        return limit if isinstance(limit, int) and limit > 0 else None

    @property
    def wants_usage(self) -> bool:
        """Whether the client itself asked for the usage of a stream."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and bool(options.get("include_usage"))

    def upstream_body(self) -> dict[str, Any]:
        """Return what a side is asked: the same, and the usage at the end of a stream."""
        if not self.streamed:
            return self.body
        options = self.body.get("stream_options")
        options = options if isinstance(options, dict) else {}
        return {**self.body, "stream_options": {**options, "include_usage": True}}


@dataclass
class Course:
    """What has become of a turn so far; times are on the gateway's clock, s."""

    decision: Decision
    scoring_s: float
    tried: list[str] = field(default_factory=list)
    errors: dict[str, SideError] = field(default_factory=dict)
    side: str | None = None
    busy: int = 0
    status: int = 0
    error: str | None = None
    asked_s: float = 0.0
    first_s: float | None = None
    usage: Usage = field(default_factory=Usage)
    timings: dict[str, Any] | None = None
    finish: str | None = None
    settled: bool = False

    def told(self) -> dict[str, Any]:
        """Return what the client is told of where its turn went, and why."""
        why = self.decision.why
        for side, error in self.errors.items():
            why = f"the {side} gave no answer ({error.why}); before: {why}"
        return {
            "side": self.side,
            "why": why,
            "router": self.decision.router,
            "score": round(self.decision.score, 6),
            "hidden": list(self.decision.hidden),
        }

    def headers(self) -> dict[str, str]:
        """Return the same as headers."""
        told = self.told()
        told["hidden"] = " ".join(told["hidden"]) or "nothing"
        return {f"X-EdgeRoute-{name.title()}": _plain(str(told[name])) for name in told}


class Answering:
    """Takes turns through for one gateway and its two sides."""

    def __init__(
        self, gateway: Gateway, upstreams: dict[str, Upstream], counters: Counters
    ) -> None:
        """Take what decides and what answers."""
        self.gateway, self.upstreams, self.counters = gateway, upstreams, counters

    async def answer(
        self, request: web.Request, asked: Asked, course: Course
    ) -> web.StreamResponse:
        """Send the answer of a turn that has been decided; `course` tells what became of it."""
        reply = None
        try:
            reply = await self._begun(asked, course)
            if reply is None:
                return refusal(course)
            course.status = 200
            if asked.streamed:
                return await self._stream(request, asked, course, reply)
            answer = reply.answer
            course.finish = answer["choices"][0]["finish_reason"]
            self._settle(course, usage_of(answer.get("usage"), answer.get("timings")))
            content = {**answer, "edgeroute": course.told()}
            return web.json_response(content, headers=course.headers())
        except (asyncio.CancelledError, ConnectionError):
            course.status, course.error = GONE, "the client has gone"
            raise
        finally:
            if reply is not None:
                reply.close()
            if not course.settled:
                self.gateway.failed(course.decision)

    def _settle(self, course: Course, usage: Usage) -> None:
        course.usage, course.settled = usage, True
        self.gateway.answered(course.decision, usage)

    async def _begun(self, asked: Asked, course: Course) -> Reply | None:
        """Return an answer that has begun, of the chosen side or else of the other one."""
        first = course.decision.side
        other = ROUTES[1 - ROUTES.index(first)]
        for side in (first, other):
            upstream = self.upstreams[side]
            if side == other:
                if not course.errors[first].moves or self.upstreams[other].hindrance == "down":
                    break
                self.gateway.moved(course.decision)
            course.tried.append(side)
            course.side, course.busy = side, self.gateway.state.count(side) - 1
            course.asked_s = self.gateway.now_s()
            try:
                reply = await upstream.ask(asked.upstream_body())
            except SideError as error:
                course.errors[side] = error
                self.counters.add("edgeroute_moves_total", side=side, why=error.why)
                continue
            if asked.streamed:  # else nobody knows when the first token came
                course.first_s = self.gateway.now_s()
                self.gateway.began(course.decision, course.first_s - course.asked_s)
            return reply
        course.side = None
        return None

    async def _stream(
        self, request: web.Request, asked: Asked, course: Course, reply: Reply
    ) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        response = web.StreamResponse(headers={**headers, **course.headers()})
        await response.prepare(request)
        stream, held = reply.stream, b""
        last: Chunk | None = None  # it may be the stream's last, which says where the turn went
        try:
            async for chunks in reply.chunks():
                for chunk in chunks:
                    if not asked.wants_usage and "usage" in chunk and not chunk.get("choices"):
                        continue
                    if last is not None:
                        held += event(last)
                    last = None if says_something(chunk) and not _ends(chunk) else chunk
                    if last is None:
                        held += event(chunk)
                if held:
                    await response.write(held)
                    held = b""
        except SideError as error:
            course.errors[course.side or ""], course.error = error, str(error)
        course.timings, course.finish = stream.timings, next(iter(stream.finish.values()), None)
        usage = usage_of(stream.usage, stream.timings)
        if course.error is None:
            self._settle(course, usage)
            held += event({**(last or {}), "edgeroute": course.told()}) + event(DONE)
        else:
            course.usage = usage
            told = openai_error(f"the {course.side} broke off: {course.error}", "broken")
            held += (event(last) if last else b"") + event(told)
        await response.write(held)
        await response.write_eof()
        return response


def _ends(chunk: Chunk) -> bool:
    return any(choice.get("finish_reason") for choice in chunk.get("choices") or [])


def refusal(course: Course) -> web.Response:
    """Return what a client gets when nobody answers: what is wrong with its request, or 502."""
    errors = list(course.errors.values())
    course.error = "; ".join(f"{side}: {error}" for side, error in course.errors.items())
    headers = course.headers()
    of_request = [error for error in errors if error.why in ("request", "context")]
    busy = [error for error in errors if error.why == "busy"]
    if of_request:
        course.status, content = of_request[0].status, of_request[0].body
    elif busy:
        course.status = 429
        wait_s = min(error.retry_after_s or 1.0 for error in busy)
        headers["Retry-After"] = str(max(1, round(wait_s)))
        content = _json(openai_error(f"no side can answer now ({course.error})", "busy"))
    else:
        course.status = 502
        content = _json(openai_error(f"no side answers ({course.error})", "no_side_answers"))
    headers["Content-Type"] = "application/json"
    return web.Response(body=content, status=course.status, headers=headers)


def logged(asked: Asked, course: Course, ended_s: float, started_at: float) -> LoggedTurn:
    """Return the turn as the log has it."""
    decision, usage = course.decision, course.usage
    answered_s = ended_s - course.asked_s if course.side else None
    first_s = course.first_s if course.side else None
    seen = decode(decision.observation)
    return LoggedTurn(
        arrival_s=decision.arrival_s,
        started_at=started_at,
        dialogue=decision.dialogue,
        turn=round(float(seen["turn"])),
        messages=decision.prompt.messages,
        prompt_tokens_estimate=decision.prompt.tokens,
        context_tokens=round(float(seen["context_tokens"]), 3),
        context_estimate=decision.prompt.history_tokens,
        attachment_bytes=decision.prompt.attachment_bytes,
        request_bytes=asked.bytes,
        score=decision.score,
        scoring_s=course.scoring_s,
        observation=[float(f"{value:.9g}") for value in decision.observation],
        hidden=list(decision.hidden),
        model=asked.model,
        router=decision.router,
        chosen=decision.side,
        why=decision.why,
        tried=course.tried,
        side=course.side,
        status=course.status,
        error=course.error,
        streamed=asked.streamed,
        busy=course.busy,
        ttft_s=None if first_s is None else first_s - decision.arrival_s,
        latency_s=ended_s - decision.arrival_s,
        upstream_ttft_s=None if first_s is None else first_s - course.asked_s,
        upstream_s=answered_s,
        prompt_tokens=usage.prompt_tokens,
        answer_tokens=usage.answer_tokens,
        cached_tokens=usage.cached_tokens,
        max_tokens=asked.most_tokens,
        timings=course.timings,
        finish=course.finish,
    )


def openai_error(told: str, code: str) -> dict[str, Any]:
    """Return an error as OpenAI's API words it."""
    kind = "server_error" if code in ("broken", "no_side_answers") else "invalid_request_error"
    return {"error": {"message": told, "type": kind, "param": None, "code": code}}


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()


def _plain(text: str) -> str:
    """Return a text as a header may hold it."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:500]
