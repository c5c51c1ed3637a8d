"""A gateway's decisions: from the messages of a request to a side, with the reason.

    gateway = Gateway("mtbench101", scorer=0.3)
    decision = gateway.decide([{"role": "user", "content": "Hello"}])
    ...  # ask the server of decision.side
    gateway.answered(decision, Usage(prompt_tokens=12, answer_tokens=80))

It is no proxy: whoever has one asks it, and tells it what became of the turn. Everything but the
score takes well below a millisecond. One thread at a time may use it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.registry import ANALYTIC
from edgeroute_env.envs.observation import decode
from edgeroute_env.envs.setup import ScenarioLike
from edgeroute_env.errors import InputError
from edgeroute_env.routing import ROUTES, Router
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.semantic.scorer import DEFAULT_PAIR, Scorer
from edgeroute_live.choosing import BASE_MODEL, Chooser
from edgeroute_live.observing import Ask, Report, Signals
from edgeroute_live.prompts import Dialogues, Prompt
from edgeroute_live.state import LiveState, Turn
from edgeroute_live.usage import Usage

DEVICE, EDGE = ROUTES
Score = Callable[[str], float]


@dataclass(frozen=True, eq=False)
class Decision:
    """Where a turn goes, and why.

    Attributes:
        side: "device" or "edge".
        why: the reason in words.
        router: the name of the router that decided.
        score: P(the large model is needed).
        observation: what the router saw, float32 (32,); `decode` gives physical values.
        hidden: what of it is unknown: edge-load, cache, snr.
        arrival_s: when the turn came, on the gateway's clock.
        dialogue: the dialogue's name in the log.
        prompt: what the request adds to its dialogue.
        turn: the live state's handle.
    """

    side: str
    why: str
    router: str
    score: float
    observation: NDArray[np.float32]
    hidden: tuple[str, ...]
    arrival_s: float
    dialogue: str
    prompt: Prompt
    turn: Turn = field(repr=False)


class Gateway:
    """Decides turns of many dialogues for one device and one edge server."""

    def __init__(
        self,
        scenario: ScenarioLike = "paper",
        router: str | Router = ANALYTIC,
        scorer: str | float | Score = DEFAULT_PAIR,
        most_dialogues: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load all that decides; the first one on a machine compiles the simulator.

        Args:
            scenario: what stands for the two sides; best one of their own (edgeroute live
                calibrate).
            router: a name, a policy's file or folder, an ONNX file, or an object with `route`.
            scorer: a shipped head or a file of one, a number for all prompts, or a function.
            most_dialogues: so many are remembered.
            clock: seconds that never go back.

        Raises:
            InputError: names what cannot be used.
        """
        self.scenario = load_scenario(scenario)
        self.chooser = Chooser(self.scenario, router)
        self.state = LiveState(self.scenario)
        self._most_dialogues = most_dialogues
        self.dialogues = Dialogues(most_dialogues)
        self.score = _score(scorer)
        self.constant_score = float(scorer) if isinstance(scorer, int | float) else None
        self.reads_score = bool(getattr(self.chooser.configured, "reads_score", True))
        self.device_back_at_s = -np.inf
        self._clock, self.begun_s = clock, clock()
        self._latest_s = 0.0
        self.predicted_tokens = self.state.observer.predicted_tokens()
        self._warm_up()

    def now_s(self) -> float:
        """Return the time since the gateway began, s."""
        return self._clock() - self.begun_s

    def decide(
        self, messages: list[dict[str, Any]], model: str = BASE_MODEL, **known: Any
    ) -> Decision:
        """Score a conversation and decide where its next turn goes; takes what `choose` takes.

        Raises:
            InputError: no messages, or an unknown model.
        """
        arrival_s = self.now_s()
        prompt = self.dialogues.read(messages)
        return self.choose(prompt, self.score(prompt.text), model, arrival_s=arrival_s, **known)

    def choose(
        self,
        prompt: Prompt,
        score: float,
        model: str = BASE_MODEL,
        *,
        arrival_s: float | None = None,
        signals: Signals | None = None,
        most_tokens: int | None = None,
        hindered: Mapping[str, str] | None = None,
    ) -> Decision:
        """Decide a turn whose score is known.

        Args:
            prompt: what `dialogues.read` made of the messages.
            score: P(the large model is needed).
            model: the name that the client asked for.
            arrival_s: when the request came; by default now.
            signals: what the phone tells of itself.
            most_tokens: the limit of the answer, if the client set one.
            hindered: sides that cannot be asked, and why.
        """
        self.chooser.router(model)  # an unknown name changes nothing
        self._latest_s = max(self._latest_s, self.now_s() if arrival_s is None else arrival_s)
        dialogue = self.dialogues.find(prompt, score)
        longest = np.inf if most_tokens is None else most_tokens
        device_tokens, edge_tokens = (min(tokens, longest) for tokens in self.predicted_tokens)
        template, tokens = self.scenario.workload.template, float(prompt.tokens)
        ask = Ask(
            arrival_s=self._latest_s,
            prompt_tokens=template.of_turn(tokens, prompt.turn == 1) if template else tokens,
            score=score,
            predicted_tokens_device=device_tokens,
            predicted_tokens_edge=edge_tokens,
            attachment_bytes=prompt.attachment_bytes,
            device_evicted=dialogue.true.get("answered_at_s", np.inf) < self.device_back_at_s,
            signals=signals or Signals(),
        )
        observation, hidden = self.state.observe(ask, dialogue)
        choice = self.chooser.choose(model, observation)
        side, why = self._possible(choice.side, choice.why, hindered or {})
        turn = self.state.route(side)
        return Decision(
            side=side,
            why=why,
            router=choice.router,
            score=score,
            observation=observation,
            hidden=tuple(hidden),
            arrival_s=ask.arrival_s,
            dialogue=dialogue.name,
            prompt=prompt,
            turn=turn,
        )

    def _possible(self, side: str, why: str, hindered: Mapping[str, str]) -> tuple[str, str]:
        """Return the side that can take the turn, and why it is this one."""
        if side == DEVICE and not self.state.observer.fits_device():
            side, why = EDGE, "the conversation is too long for the device"
        elif side == EDGE and self.state.observer.device["believed"]["quota_left"] < 1.0:
            side, why = DEVICE, "the quota of edge calls is used up"
        other = EDGE if side == DEVICE else DEVICE
        if side in hindered and other not in hindered:
            side, why = other, f"the {side} is {hindered[side]}"
        return side, why

    def moved(self, decision: Decision) -> None:
        """Tell that the other side is asked, as the chosen one gave no answer."""
        self.state.move(decision.turn, self.now_s())

    def began(self, decision: Decision, ttft_s: float) -> None:
        """Tell that an answer has begun, `ttft_s` after its side was asked."""
        if decision.turn.side == EDGE:
            seen = decode(decision.observation)
            parts = ("edge_radio_s", "edge_prefill_s", "edge_switch_s")
            expected_s = sum(float(seen[part]) for part in parts)
            self.state.first_token(decision.turn, self.now_s(), max(0.0, ttft_s - expected_s))

    def answered(self, decision: Decision, usage: Usage | None = None) -> None:
        """Tell that an answer is complete; what no usage tells is taken as expected."""
        usage, turn = usage or Usage(), decision.turn
        asked = usage.prompt_tokens
        if asked is None:
            context = float(decode(decision.observation)["context_tokens"])
            asked = round(context) + decision.prompt.tokens
        answer = usage.answer_tokens
        if answer is None:
            answer = round(self.predicted_tokens[ROUTES.index(turn.side)])
        turn.dialogue.cache_told[turn.side] = usage.cached_tokens is not None
        self.state.answered(turn, self.now_s(), float(asked), float(answer))
        self.dialogues.keep(decision.prompt, turn.dialogue)

    def failed(self, decision: Decision) -> None:
        """Tell that nobody has answered, or that the client has gone."""
        self.state.failed(decision.turn, self.now_s())

    def reported(self, requests: float) -> None:
        """Take how many requests the edge server holds, ours among them."""
        own = self.state.count(EDGE)
        places = float(self.state.observer.parameters["tenant_sequences"])
        load = max(0.0, requests - own) / places
        self.state.report = Report(self.now_s(), load, own)

    def _warm_up(self) -> None:
        """Let everything be compiled and loaded before the first request."""
        prompt = self.dialogues.read([{"role": "user", "content": "Hello"}])
        if self.reads_score:
            self.score(prompt.text)
        for side in ROUTES:
            decision = self.choose(prompt, 0.5, f"{BASE_MODEL}-{side}")
            self.began(decision, 0.0)
            self.answered(decision)
        self.choose(prompt, 0.5)
        self.state, self.dialogues = LiveState(self.scenario), Dialogues(self._most_dialogues)
        self._latest_s = 0.0


def _score(scorer: str | float | Score) -> Score:
    if isinstance(scorer, str):
        loaded = Scorer.load(scorer)
        return lambda text: float(loaded.score([text])[0][0])
    if callable(scorer):
        return scorer
    if not 0.0 <= scorer <= 1.0:
        raise InputError("scorer", scorer, "0 to 1, or a head's name or file")
    return lambda text: float(scorer)
