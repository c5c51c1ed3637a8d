"""A trained policy as a router: a rule's margin plus a small network, in NumPy alone.

The file is its weights (safetensors) with what they belong to in the header.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_agents.memory import Memory, Weights
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env.errors import InputError, missing_package
from edgeroute_env.files import replacing
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.features import FEATURES

LAYOUT = hashlib.sha256(repr(FEATURES).encode()).hexdigest()[:16]  # of the observations
FILE = "policy.safetensors"


def scenario_hash(scenario: Scenario) -> str:
    """Return the hash of what a policy was trained on; names and descriptions do not count."""
    content = scenario.model_dump_json(exclude={"name", "description"})
    return hashlib.sha256(content.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Policy:
    """A router that prefers the edge where its network, the margin added, says so.

    Attributes:
        name: of the algorithm that trained it, its name in tables.
        rule: what it started from.
        layers: weights (outputs, inputs) and biases of the rectified layers, then of the head,
            whose last column weighs the margin, the last but those the memory.
        about: the scenario's name and hash, the observations' layout, and how it was trained.
        memory: of a recurrent policy, which is asked once a turn, in order, from `reset` on.
    """

    name: str
    rule: LinearRouter
    layers: tuple[tuple[Weights, Weights], ...]
    about: dict[str, Any]
    memory: Memory | None = None

    def fingerprint(self) -> str:
        """Return a hash of all that decides."""
        digest = hashlib.sha256(self.rule.record.tobytes())
        for weight, bias in self.layers:
            digest.update(weight.tobytes() + bias.tobytes())
        return digest.hexdigest()[:16]

    @property
    def described(self) -> str:
        """What decides: the name of the rule, and whether a network is added to it."""
        weight, bias = self.layers[-1]
        added = " and a network" if weight[:, :-1].any() or bias.any() else ""
        return f"`{self.rule.name}`{added}"

    def as_rule(self, rule: LinearRouter) -> Policy:
        """Return the policy whose network says nothing, so that it acts as `rule`."""
        *trunk, (weight, bias) = self.layers
        silent = np.zeros_like(weight)
        silent[:, -1] = (-0.5, 0.5)
        return replace(self, rule=rule, layers=(*trunk, (silent, np.zeros_like(bias))))

    def fits(self, scenario: Scenario) -> bool:
        """Return whether it was trained on this very scenario."""
        return bool(self.about["scenario_hash"] == scenario_hash(scenario))

    def reset(self, n: int) -> None:
        """Forget what came before, and prepare for `n` episodes."""
        if self.memory is not None:
            self.memory.reset(n)

    def preferences(self, observations: NDArray[np.float32]) -> Weights:
        """Return logits (PPO) or values (DQN, up to a shared offset) of both actions, (n, 2)."""
        margins = self.rule.margins(observations).astype(np.float32)[:, None]
        hidden = np.sign(observations) * np.log1p(np.abs(observations))
        hidden = np.concatenate((hidden, margins), axis=1)
        known = None if self.memory is None else self.memory.advance(hidden)
        *trunk, (weight, bias) = self.layers
        for matrix, offset in trunk:
            hidden = np.maximum(hidden @ matrix.T + offset, np.float32(0.0))
        if known is not None:
            hidden = np.concatenate((hidden, known), axis=1)
        # The margin last and alone, as in torch: a network of zeros leaves it as it is.
        found: Weights = hidden @ weight[:, :-1].T + bias + margins * weight[:, -1]
        return found

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,); a tie stays on the device, as with the rule."""
        preferences = self.preferences(observations)
        return (preferences[:, 1] > preferences[:, 0]).astype(np.int64)

    def save(self, path: Path) -> None:
        """Write the policy, whole or not at all."""
        arrays: dict[str, Weights] = {}
        for i, (weight, bias) in enumerate(self.layers):
            arrays |= {f"{i}.weight": np.ascontiguousarray(weight), f"{i}.bias": bias.copy()}
        if self.memory is not None:
            arrays |= {f"memory.{name}": array for name, array in self.memory.arrays.items()}
        rule = {"name": self.rule.name, "weights": dict(self.rule.weights)}
        header = {"name": self.name, "rule": rule, "about": self.about}
        content = _safetensors().save(arrays, {"policy": json.dumps(header)})
        with replacing(path) as part:
            part.write_bytes(content)


def load_policy(path: Path, scenario: Scenario | None = None) -> Policy:
    """Return the policy in a file.

    Args:
        path: what `Policy.save` wrote.
        scenario: refuse a policy that was trained on another one; None takes any.

    Raises:
        InputError: the file is missing or damaged, or its policy is of another observation
            layout or scenario.
    """
    if not path.is_file():
        raise InputError("policy", str(path), f"a {FILE} that edgeroute train wrote")
    module = _safetensors()
    try:
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["policy"])
        arrays = module.load(content)
        count = sum(name.endswith(".weight") for name in arrays)
        layers = tuple((arrays[f"{i}.weight"], arrays[f"{i}.bias"]) for i in range(count))
        rule = LinearRouter(header["rule"]["weights"], header["rule"]["name"])
        parts = {name.removeprefix("memory."): array for name, array in arrays.items()}
        memory = Memory(parts) if len(arrays) > 2 * count else None
        policy = Policy(header["name"], rule, layers, header["about"], memory)
        layout = policy.about["layout"]
        if layout == LAYOUT:
            policy.preferences(np.ones((1, len(FEATURES)), np.float32))  # the shapes fit
            policy.reset(1)
    except Exception as error:  # a damaged file fails in many ways
        reason = " ".join(str(error).split())[:160]
        raise InputError("policy", str(path), f"a readable policy ({reason})") from None
    if layout != LAYOUT:
        raise InputError("policy", f"{path}, observation layout {layout}", f"layout {LAYOUT}")
    if scenario is not None and not policy.fits(scenario):
        trained = f"{path}, trained on {policy.about['scenario']}"
        allowed = f"a policy trained on {scenario.name} as it is now"
        raise InputError("policy", trained, allowed)
    return policy


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise missing_package("safetensors", "learned policies", "agents") from None
    return safetensors.numpy
