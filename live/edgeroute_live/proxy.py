"""An OpenAI-compatible proxy: one local address, and every turn goes where the router says."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import random
import signal
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import web

from edgeroute_env.errors import InputError
from edgeroute_env.files import writing
from edgeroute_env.routing import ROUTES
from edgeroute_live.answering import Answering, Asked, Course, logged, openai_error
from edgeroute_live.counters import Counters
from edgeroute_live.deciding import EDGE, Gateway
from edgeroute_live.log import LoggedTurn, Shadow, TurnLog
from edgeroute_live.prompts import Prompt
from edgeroute_live.reports import requests_at
from edgeroute_live.serving import Settings
from edgeroute_live.signals import signals
from edgeroute_live.upstream import SideError, Upstream
from edgeroute_live.usage import usage_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SHORTEST_POLL_S = 0.5
UNKNOWN_SCORE = 0.5  # of a prompt without text, or where nobody reads it


class Proxy:
    """The two sides, what decides between them, and the web application before them."""

    def __init__(self, settings: Settings, gateway: Gateway | None = None) -> None:
        """Load all that decides; nothing listens yet.

        Raises:
            InputError: names what cannot be used.
        """
        self.settings = settings
        self._token = settings.token()
        endpoints = {side: getattr(settings, side).endpoint(side) for side in ROUTES}
        patience, limits = settings.limits.patience(), settings.limits
        self.gateway = gateway or Gateway(
            settings.scenario, settings.router, settings.scorer, limits.dialogues
        )
        self.upstreams = {side: Upstream(side, endpoints[side], patience) for side in ROUTES}
        self.counters = Counters()
        self._answering = Answering(self.gateway, self.upstreams, self.counters)
        self._log = None
        if settings.log is not None:
            with writing(settings.log):
                self._log = TurnLog(settings.log, limits.log_bytes, limits.log_files)
        self._started_at = time.time()
        self._scorer = ThreadPoolExecutor(1, "score")
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen; `url` says where, with the /v1 of an OpenAI base URL."""
        app = web.Application(
            middlewares=[self._guard], client_max_size=self.settings.limits.body_bytes
        )
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(
            app,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=self.settings.limits.drain_s,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self.settings.host, self.settings.port).start()
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        self.url = f"http://{host}:{self._runner.addresses[0][1]}/v1"
        self._spawn(self._poll())

    async def stop(self) -> None:
        """Take no more requests, let those under way end, then close everything."""
        if self._runner is not None:
            await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for upstream in self.upstreams.values():
            await upstream.close()
        self._scorer.shutdown(wait=False)
        if self._log is not None:
            self._log.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who has the token; word every error as OpenAI's API does."""
        if request.path != "/health" and not self._may(request):
            return _refused(401, "the token of this proxy is missing or wrong", "invalid_token")
        try:
            return await handler(request)
        except InputError as error:
            unknown = error.field == "model"
            code = "model_not_found" if unknown else "invalid_request"
            return _refused(404 if unknown else 400, str(error), code)
        except web.HTTPRequestEntityTooLarge:
            most = self.settings.limits.body_bytes
            return _refused(413, f"the body is longer than {most} bytes", "body_too_long")
        except web.HTTPException as error:
            return _refused(error.status, f"{request.method} {request.path[:100]}", "not_found")
        except ConnectionError:
            raise
        except Exception:
            logging.getLogger(__name__).exception("a request could not be served")
            return _refused(500, "the proxy has a fault; its output says more", "proxy_fault")

    def _may(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return hmac.compare_digest(given.encode(), self._token.encode()) or not self._token

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        arrival_s = self.gateway.now_s()
        if request.content_type != "application/json":  # no web page can send it unasked
            return _refused(415, "Content-Type must be application/json", "content_type")
        asked = _asked(await request.read())
        prompt = self.gateway.dialogues.read(asked.body.get("messages"))
        told = signals(request.headers, self.settings.signals)
        scoring_at_s = self.gateway.now_s()
        score = await self._scored(asked.model, prompt)
        scoring_s = self.gateway.now_s() - scoring_at_s
        hindrances = {side: upstream.hindrance for side, upstream in self.upstreams.items()}
        self.gateway.device_back_at_s = self.upstreams["device"].back_at_s - self.gateway.begun_s
        decision = self.gateway.choose(
            prompt,
            score,
            asked.model,
            arrival_s=arrival_s,
            signals=told,
            most_tokens=asked.most_tokens,
            hindered={side: why for side, why in hindrances.items() if why},
        )
        course = Course(decision, scoring_s)
        try:
            return await self._answering.answer(request, asked, course)
        finally:
            self._end(asked, course)

    async def _scored(self, model: str, prompt: Prompt) -> float:
        """Return a prompt's score; what takes long is done in a thread, one at a time."""
        if self.gateway.chooser.holds(model) and self.gateway.constant_score is not None:
            return self.gateway.constant_score
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scorer, self._score, model, prompt)

    def _score(self, model: str, prompt: Prompt) -> float:
        """Load the router if it is a new one, and score the prompt if it reads a score."""
        router = self.gateway.chooser.router(model)
        if not getattr(router, "reads_score", True) or not prompt.text.strip():
            return UNKNOWN_SCORE
        return self.gateway.score(prompt.text)

    def _end(self, asked: Asked, course: Course) -> None:
        """Count and log a turn that is over."""
        ended_s, decision, counters = self.gateway.now_s(), course.decision, self.counters
        turn = logged(asked, course, ended_s, self._started_at)
        side = course.side or "none"
        counters.add("edgeroute_turns_total", side=side, status=str(course.status))
        counters.add("edgeroute_decisions_total", router=decision.router, side=decision.side)
        counters.took("edgeroute_scoring_seconds", course.scoring_s)
        if course.settled:
            counters.took("edgeroute_turn_seconds", turn.latency_s, side=side)
            if turn.ttft_s is not None:
                counters.took("edgeroute_first_token_seconds", turn.ttft_s, side=side)
            kinds = ("prompt", "answer", "cached")
            for kind, tokens in zip(kinds, course.usage, strict=True):
                counters.add("edgeroute_tokens_total", tokens or 0, side=side, kind=kind)
        if course.settled and random.random() < self.settings.shadow_share:
            self._spawn(self._shadow(asked, turn))
        else:
            self._write(turn)

    async def _shadow(self, asked: Asked, turn: LoggedTurn) -> None:
        """Ask the other side as well, for what its answer would have been like."""
        side = ROUTES[1 - ROUTES.index(str(turn.side))]
        body = {k: v for k, v in asked.body.items() if k not in ("stream", "stream_options")}
        asked_s = self.gateway.now_s()
        try:
            reply = await self.upstreams[side].ask(body)
            answer = reply.answer
            reply.close()
            usage = usage_of(answer.get("usage"), answer.get("timings"))
            turn.shadow = Shadow(
                side=side,
                latency_s=self.gateway.now_s() - asked_s,
                prompt_tokens=usage.prompt_tokens,
                answer_tokens=usage.answer_tokens,
                cached_tokens=usage.cached_tokens,
                finish=answer["choices"][0]["finish_reason"],
            )
        except SideError as error:
            self.counters.add("edgeroute_moves_total", side=side, why=f"shadow {error.why}")
        finally:
            self._write(turn)

    def _write(self, turn: LoggedTurn) -> None:
        if self._log is not None:
            self._log.write(turn)

    async def _poll(self) -> None:
        """Read the edge server's metrics again and again, as its load report."""
        edge, address = self.upstreams[EDGE], self.settings.edge.metrics_url
        every_s = max(SHORTEST_POLL_S, self.gateway.scenario.edge.report_interval_s)
        while True:
            with suppress(aiohttp.ClientError, OSError):
                status, text = await edge.get(address)
                requests = requests_at(text) if status == 200 else None
                if requests is not None:
                    self.gateway.reported(requests)
            await asyncio.sleep(every_s)

    async def _models(self, _: web.Request) -> web.Response:
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "edgeroute"}
            for name in self.gateway.chooser.models()
        ]
        return web.json_response({"object": "list", "data": listed})

    async def _metrics(self, _: web.Request) -> web.Response:
        for side, upstream in self.upstreams.items():
            under_way = self.gateway.state.count(side)
            self.counters.show("edgeroute_under_way", under_way, side=side)
            self.counters.show("edgeroute_up", not upstream.hindrance, side=side)
        self.counters.show("edgeroute_dialogues", len(self.gateway.dialogues))
        return web.Response(text=self.counters.text())

    async def _health(self, _: web.Request) -> web.Response:
        sides = {side: upstream.hindrance or "up" for side, upstream in self.upstreams.items()}
        down = all(state == "down" for state in sides.values())
        content = {"status": "down" if down else "ok", **sides}
        return web.json_response(content, status=503 if down else 200)


def _asked(content: bytes) -> Asked:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError("body", content[:80], "a JSON object") from None
    if not isinstance(body, dict):
        raise InputError("body", body, "a JSON object")
    model = body.get("model")
    if not isinstance(model, str):
        raise InputError("model", model, "a text, such as edgeroute")
    return Asked(body, len(content), model)


def _refused(status: int, told: str, code: str) -> web.Response:
    return web.json_response(openai_error(told, code), status=status)


async def serve(proxy: Proxy, ready: Callable[[Proxy], None]) -> None:
    """Serve until SIGINT or SIGTERM; then let what is under way end."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await proxy.start()
    try:
        ready(proxy)
        await stop.wait()
    finally:
        await proxy.stop()
