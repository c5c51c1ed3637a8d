"""From a model's name to the router that it stands for, and from an observation to a side.

`edgeroute` is the configured router, `edgeroute-device` and `edgeroute-edge` are the sides,
`edgeroute-NAME` is another router, `edgeroute-NAME-0.3` one with this threshold (`bao` is short for
the analytic rule). A trained policy decides only within the range of what it saw in training.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_agents import learned_names, learned_router, load_policy
from edgeroute_agents.policy import FILE, Policy
from edgeroute_baselines.fitted import stored_parameters
from edgeroute_baselines.registry import ANALYTIC, ROUTERS, make_router
from edgeroute_env.envs.observation import decode
from edgeroute_env.errors import InputError, needs
from edgeroute_env.routing import ROUTES, Insider, Learner, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.features import NAMES
from edgeroute_env.traces.sources import Drawn

BASE_MODEL = "edgeroute"
SHORT = {"bao": ANALYTIC}
THRESHOLD = "theta"
MOST_ROUTERS = 64  # thresholds are many; so many routers are kept
RANGE_EPISODES, RANGE_SEED = 64, 0
SLACK = 0.1  # of a feature's range in training, on either side


class Choice(NamedTuple):
    """A side, the name of the router that chose it, and why in words."""

    side: str
    router: str
    why: str


class OnnxRouter:
    """A policy as ONNX: input `observations` float32 (n, 32), output `actions` int64 (n,)."""

    def __init__(self, path: Path) -> None:
        """Load the graph; InputError where it is none of ours."""
        with needs("an ONNX policy", "onnx"):
            import onnxruntime
        self.name = path.stem
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), providers=["CPUExecutionProvider"]
            )
            self.route(np.full((2, len(NAMES)), 0.5, np.float32))
        except Exception as error:  # the runtime's own kinds of errors
            told = " ".join(str(error).split())[:160]
            allowed = f"a graph that edgeroute train --onnx wrote ({told})"
            raise InputError("router", str(path), allowed) from None

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        found: Any = self._session.run(["actions"], {"observations": observations})[0]
        return np.asarray(found, np.int64)


class Chooser:
    """Chooses sides by the routers of one scenario."""

    def __init__(self, scenario: Scenario, router: str | Router = ANALYTIC) -> None:
        """Take the configured router: a name, a file, or an object.

        Raises:
            InputError: there is none such, or it needs more than what a gateway knows.
        """
        self._scenario = scenario
        self._routers: OrderedDict[str, Router] = OrderedDict()
        self.notes: list[str] = []
        self._range: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self.configured = self._ready(self._loaded(router) if isinstance(router, str) else router)
        self.analytic = self._analytic()

    def models(self) -> list[str]:
        """Return the names that clients may ask for; thresholds may follow."""
        others = (*ROUTES, SHORT_NAMES[ANALYTIC])
        return [BASE_MODEL, *(f"{BASE_MODEL}-{name}" for name in others)]

    def holds(self, model: str) -> bool:
        """Return whether a model's router is loaded, so that `router` takes no time."""
        return model == BASE_MODEL or model in self._routers

    def router(self, model: str) -> Router:
        """Return the router that a model's name stands for; InputError for another name."""
        if model == BASE_MODEL:
            return self.configured
        if model in self._routers:
            self._routers.move_to_end(model)
            return self._routers[model]
        name = model.removeprefix(f"{BASE_MODEL}-")
        if name == model:
            raise InputError("model", model, self._allowed())
        router = self._routers[model] = self._ready(self._named(name, model))
        if len(self._routers) > MOST_ROUTERS:
            self._routers.popitem(last=False)
        return router

    def choose(self, model: str, observation: NDArray[np.float32]) -> Choice:
        """Return the side for a turn, by its observation, float32 (32,)."""
        router = self.router(model)
        why = ""
        if _trained(router):
            why = self._beyond(observation)
        if why:
            why, router = f"{why}: {router.name} gives way to the rule", self.analytic
        action = int(router.route(observation[None])[0])
        return Choice(ROUTES[action], router.name, why or f"{router.name} says so")

    def _allowed(self) -> str:
        return f"{', '.join(self.models())}, or edgeroute-ROUTER with or without -THRESHOLD"

    def _named(self, name: str, model: str) -> Router:
        """Return a router by the name in a request, which may end in a threshold."""
        stem, _, number = name.rpartition("-")
        stem = SHORT.get(stem, stem)
        try:
            threshold = float(number)
        except ValueError:
            threshold = float("nan")
        if stem and threshold == threshold:
            if stem not in ROUTERS or THRESHOLD not in ROUTERS[stem].parameters:
                allowed = f"a threshold behind {', '.join(with_threshold())} alone"
                raise InputError("model", model, allowed)
            return make_router(stem, {**self._parameters(stem), THRESHOLD: threshold})
        name = SHORT.get(name, name)
        if name not in ROUTERS and name not in learned_names():
            raise InputError("model", model, self._allowed())
        return self._loaded(name)

    def _loaded(self, name: str) -> Router:
        """Return a router by its name or file."""
        name, path = SHORT.get(name, name), Path(name)
        if path.suffix == ".onnx" and path.is_file():
            return OnnxRouter(path)
        if (path / FILE).is_file():
            path = path / FILE
        if path.suffix == ".safetensors":
            return load_policy(path, self._scenario)
        if name in learned_names():
            return learned_router(name, self._scenario)
        if name not in ROUTERS:
            known = ", ".join([*ROUTERS, *learned_names()])
            raise InputError("router", name, f"a policy's file or folder, or one of {known}")
        return make_router(name, self._parameters(name))

    def _ready(self, router: Router) -> Router:
        """Return a router that decides by observations alone, begun; InputError for any other."""
        if isinstance(router, Insider | Learner):
            allowed = "a router that decides by what it sees; this one looks into the simulator or "
            raise InputError("router", router.name, allowed + "learns from the quality of answers")
        router.reset(1)
        if _trained(router) and self._range is None:
            self._range = seen_in_training(self._scenario)
        return router

    def _parameters(self, name: str) -> dict[str, float]:
        """Return a router's fitted parameters; the rule has some without a fit as well.

        A second is then worth what the scenario's weights say, and so is a call.
        """
        found = stored_parameters(self._scenario, "synthetic", name)
        if found is not None:
            return dict(found)
        weights = self._scenario.weights
        if ROUTERS[name].parameters != ROUTERS[ANALYTIC].parameters or not weights.quality:
            allowed = f"a router with a fit; to make one: edgeroute fit {name} -s FILE"
            raise InputError("router", f"{name}, not fitted to {self._scenario.name}", allowed)
        self.notes.append(
            f"{name} is not fitted to {self._scenario.name}: the weights are its prices; "
            f"to fit it: edgeroute fit {name} -s FILE"
        )
        per_quality = 1.0 / weights.quality
        return {
            "alpha_per_s": weights.latency_per_s * per_quality,
            THRESHOLD: weights.edge_call * per_quality,
        }

    def _analytic(self) -> Router:
        router = self.configured
        if isinstance(router, Policy):
            return router.rule
        return router if router.name == ANALYTIC else self._loaded(ANALYTIC)

    def _beyond(self, observation: NDArray[np.float32]) -> str:
        """Return in words which feature lies where no training was; "" for none."""
        assert self._range is not None  # since a trained router is ready
        low, high = self._range
        outside = np.flatnonzero((observation < low) | (observation > high))
        if not outside.size:
            return ""
        i = int(outside[0])
        seen, least, most = (decode(values)[NAMES[i]] for values in (observation, low, high))
        return f"{NAMES[i]} {seen:.3g} is outside {least:.3g} to {most:.3g} as trained on"


SHORT_NAMES = {name: short for short, name in SHORT.items()}


def with_threshold() -> list[str]:
    """Return the routers that a threshold can be given to, the short names first."""
    return [*SHORT, *(name for name, spec in ROUTERS.items() if THRESHOLD in spec.parameters)]


def _trained(router: Router) -> bool:
    return isinstance(router, Policy | OnnxRouter)


def seen_in_training(scenario: Scenario) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the least and the greatest value of each feature in episodes of a scenario, (32,).

    The episodes go to either side by a coin, from never to always; the range has some slack.
    """
    n = RANGE_EPISODES
    generator = np.random.default_rng(RANGE_SEED)
    batch = Batch(scenario, Drawn(scenario), n)
    batch.begin(np.arange(n), generator.spawn(n))
    low = high = batch.observations.copy()
    shares = np.linspace(0.0, 1.0, n)
    while not batch.over.all():
        running = ~batch.over
        batch.step((generator.random(n) < shares).astype(np.int64))
        found = batch.observations
        low = np.where(running[:, None], np.minimum(low, found), low)
        high = np.where(running[:, None], np.maximum(high, found), high)
    least, most = low.min(axis=0), high.max(axis=0)
    slack = (SLACK * (most - least) + 1e-6).astype(np.float32)
    return least - slack, most + slack
