"""A trained policy as a router: a rule's margin plus a small network, in NumPy alone.

The file is its weights (safetensors) with what they belong to in the header. Policies come with the
package, in `pretrained`, or from `edgeroute train`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_agents.settings import KINDS
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env.errors import InputError, needs
from edgeroute_env.files import read_whole, replacing, safetensors_metadata, tensors_sha256
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_hash
from edgeroute_env.simulator.features import FEATURES

LAYOUT = hashlib.sha256(repr(FEATURES).encode()).hexdigest()[:16]  # of the observations
FILE = "policy.safetensors"
FIGURES = "figures.json"  # what all training seeds of a packaged policy earn
PRETRAINED = Path(__file__).parent / "pretrained"

Weights = NDArray[np.float32]
Layers = tuple[tuple[Weights, Weights], ...]  # weights (outputs, inputs) and biases


@dataclass(frozen=True)
class Policy:
    """A router that prefers the edge where its network, the margin added, says so.

    Attributes:
        name: of the algorithm that trained it, its name in tables.
        rule: what it started from.
        layers: weights (outputs, inputs) and biases of the rectified layers, then of the head,
            whose last column weighs the margin.
        about: the scenario's name and hash, the observations' layout, and how it was trained.
    """

    name: str
    rule: LinearRouter
    layers: Layers
    about: dict[str, Any]

    def fingerprint(self) -> str:
        """Return a hash of all that decides."""
        digest = hashlib.sha256(self.rule.record.tobytes())
        for weight, bias in self.layers:
            digest.update(weight.tobytes() + bias.tobytes())
        return digest.hexdigest()[:16]

    @property
    def bare_rule(self) -> str:
        """The name of the rule that decides alone, as training has added nothing; "" for none."""
        weight, bias = self.layers[-1]
        return "" if weight[:, :-1].any() or bias.any() else self.rule.name

    @property
    def described(self) -> str:
        """What decides: the name of the rule, and whether a network is added to it."""
        return f"`{self.rule.name}`" + ("" if self.bare_rule else " and a network")

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
        """Nothing to forget."""

    def preferences(self, observations: NDArray[np.float32]) -> Weights:
        """Return logits (PPO) or values (DQN, up to a shared offset) of both actions, (n, 2)."""
        margins = self.rule.margins(observations).astype(np.float32)[:, None]
        hidden = np.sign(observations) * np.log1p(np.abs(observations))
        hidden = np.concatenate((hidden, margins), axis=1)
        *trunk, (weight, bias) = self.layers
        for matrix, offset in trunk:
            hidden = np.maximum(hidden @ matrix.T + offset, np.float32(0.0))
        # The margin last and alone, as in torch: a network of zeros leaves it as it is.
        return hidden @ weight[:, :-1].T + bias + margins * weight[:, -1]

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,); a tie stays on the device, as with the rule."""
        preferences = self.preferences(observations)
        return (preferences[:, 1] > preferences[:, 0]).astype(np.int64)

    def save(self, path: Path) -> None:
        """Write the policy, whole or not at all."""
        arrays: dict[str, Weights] = {}
        for i, (weight, bias) in enumerate(self.layers):
            arrays |= {f"{i}.weight": np.ascontiguousarray(weight), f"{i}.bias": bias.copy()}
        rule = {"name": self.rule.name, "weights": dict(self.rule.weights)}
        header = {"name": self.name, "rule": rule, "about": self.about}
        stated = json.dumps({**header, "sha256": _checksum(arrays, header)})
        with replacing(path) as part:
            part.write_bytes(_safetensors().save(arrays, {"policy": stated}))


def load_policy(path: Path, scenario: Scenario | None = None) -> Policy:
    """Return the policy that `Policy.save` wrote; with a scenario, only one trained on it.

    Raises:
        InputError: the file is missing or damaged, or its policy is of another observation
            layout or scenario.
    """
    if not path.is_file():
        raise InputError("policy", str(path), f"a {FILE} that edgeroute train wrote")
    module = _safetensors()
    try:
        content = read_whole(path)
        header = json.loads(safetensors_metadata(content)["policy"])
        arrays = module.load(content)
        if header.pop("sha256", None) != _checksum(arrays, header):
            raise ValueError("its checksum does not fit")
        layers = _layers(arrays)
        rule = LinearRouter(header["rule"]["weights"], header["rule"]["name"])
        policy = Policy(header["name"], rule, layers, header["about"])
        layout = policy.about["layout"]
        if layout == LAYOUT:
            policy.preferences(np.ones((1, len(FEATURES)), np.float32))  # the shapes fit
    except Exception as error:  # a damaged file fails in many ways
        reason = " ".join(str(error).split())[:160]
        raise InputError("policy", str(path), f"a readable policy ({reason})") from None
    if layout != LAYOUT:
        allowed = f"layout {LAYOUT} of the observations, which {path} is not made for"
        raise InputError("policy", f"layout {layout}", allowed)
    if scenario is not None and not policy.fits(scenario):
        allowed = f"trained on {scenario.name} as it is now, which {path} is not"
        raise InputError("policy", f"trained on {policy.about['scenario']}", allowed)
    return policy


def _checksum(arrays: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a policy's file says: its weights and its header."""
    return tensors_sha256(arrays, "policy", json.dumps(header))


def _layers(arrays: Mapping[str, Any]) -> Layers:
    """Return a file's layers; ValueError where they are no finite float32 network of ours."""
    layers = []
    inputs = len(FEATURES) + 1  # the features, and the margin
    for i in range(len(arrays) // 2):
        weight, bias = arrays[f"{i}.weight"], arrays[f"{i}.bias"]
        last = 2 * (i + 1) == len(arrays)
        outputs = 2 if last else len(bias)
        if weight.shape != (outputs, inputs + last) or bias.shape != (outputs,):
            raise ValueError(f"layer {i} has shapes {weight.shape} and {bias.shape}")
        if {weight.dtype, bias.dtype} != {np.dtype(np.float32)}:
            raise ValueError(f"layer {i} holds {weight.dtype} and {bias.dtype}, not float32")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError(f"layer {i} holds numbers that are not finite")
        layers.append((weight, bias))
        inputs = outputs
    return tuple(layers)


def learned_names() -> list[str]:
    """Return the names of the learned routers."""
    return list(KINDS)


def packaged_folder(scenario_name: str, name: str) -> Path:
    """Return where a learned router's policy for a scenario lies, with its card and figures."""
    return PRETRAINED / f"{name}-{scenario_name}"


def pretrained_scenarios(name: str) -> list[str]:
    """Return the names of the scenarios that `name` has been trained on, sorted."""
    found = PRETRAINED.glob(f"{name}-*/{FILE}")
    return sorted(path.parent.name.removeprefix(f"{name}-") for path in found)


def packaged(scenario: Scenario) -> list[Policy]:
    """Return the policies that come with the package for exactly this scenario."""
    found = []
    for name in learned_names():
        path = packaged_folder(scenario.name, name) / FILE
        if path.is_file() and (policy := load_policy(path)).fits(scenario):
            found.append(policy)
    return found


def learned_router(name: str, scenario: Scenario, path: Path | None = None) -> Policy:
    """Return the router that "ppo" or "dqn" trained on this very scenario.

    `path` is its file; by default the packaged one.

    Raises:
        InputError: there is none of that name or for that scenario, or the file cannot be used.
    """
    if name not in KINDS:
        raise InputError("router", name, "one of " + ", ".join(KINDS))
    file = path or packaged_folder(scenario.name, name) / FILE
    if path is None and not file.is_file():
        trained = ", ".join(pretrained_scenarios(name)) or "no scenario yet"
        allowed = f"a scenario that {name} was trained on ({trained}), or a policy's file"
        raise InputError("scenario", scenario.name, allowed)
    policy = load_policy(file, scenario)
    if policy.name != name:
        raise InputError(
            "policy", f"trained by {policy.name}", f"a policy of {name}; {file} is none"
        )
    return policy


def _safetensors() -> Any:
    with needs("learned policies", "agents"):
        import safetensors.numpy
    return safetensors.numpy
