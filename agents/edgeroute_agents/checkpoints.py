"""All that a training's next step depends on, in one file: resumed equals uninterrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from edgeroute_agents.models import Model
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_env.errors import InputError
from edgeroute_env.files import replacing

FILE = "training.checkpoint"
# What a replay buffer holds; its further fields are fixed by the settings.
_BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_n_calls",
    "_episode_num",
    "_current_progress_remaining",
    "exploration_rate",
)


def save(
    path: Path, key: str, model: Model, env: EdgeRouteSB3VecEnv, notes: dict[str, Any]
) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: the file.
        key: stands for the settings, the scenario and the seed; see `restore`.
        model: between two rollouts.
        env: the model's.
        notes: plain values of the caller's, returned by `restore`.
    """
    name, words, *rest = np.random.get_state()  # noqa: NPY002  (SB3 draws from it)
    content: dict[str, Any] = {
        "key": key,
        "notes": notes,
        "policy": model.policy.state_dict(),
        "optimizer": model.policy.optimizer.state_dict(),
        "counters": {name: getattr(model, name, 0) for name in _COUNTERS},
        "last": torch.as_tensor(np.array(model._last_obs)),
        "starts": torch.as_tensor(np.array(model._last_episode_starts)),
        "numpy": [name, torch.as_tensor(np.asarray(words).astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "env": _mapped(env.state(), _bytes),
    }
    states = getattr(model, "_last_lstm_states", None)
    if states is not None:
        content["states"] = [list(pair) for pair in states]
    if isinstance(model, OffPolicyAlgorithm):
        buffer: Any = model.replay_buffer
        held = buffer.buffer_size if buffer.full else buffer.pos
        arrays = {name: torch.as_tensor(getattr(buffer, name)[:held]) for name in _BUFFER}
        content["buffer"] = {"arrays": arrays, "pos": buffer.pos, "full": buffer.full}
    with replacing(path) as part:
        torch.save(content, part)


def restore(path: Path, key: str, model: Model, env: EdgeRouteSB3VecEnv) -> dict[str, Any]:
    """Put a freshly built model and its environment where `save` left them; return the notes.

    Raises:
        InputError: the file is missing, damaged or of another training.
    """
    if not path.is_file():
        raise InputError("--resume", str(path), "the checkpoint of an interrupted training")
    try:
        content = torch.load(path, weights_only=True)
        found = content["key"]
    except Exception as error:  # a damaged file fails in many ways
        reason = " ".join(str(error).split())[:160]
        raise InputError("--resume", str(path), f"a readable checkpoint ({reason})") from None
    if found != key:
        raise InputError("--resume", str(path), "a checkpoint of the same scenario and settings")
    model.policy.load_state_dict(content["policy"])
    model.policy.optimizer.load_state_dict(content["optimizer"])
    for name, value in content["counters"].items():
        setattr(model, name, value)
    model._last_obs = content["last"].numpy()
    model._last_episode_starts = content["starts"].numpy()
    if "states" in content:
        recurrent: Any = model
        kind = type(recurrent._last_lstm_states)
        recurrent._last_lstm_states = kind(*map(tuple, content["states"]))
    env.restore(_mapped(content["env"], lambda tensor: tensor.numpy()))
    if isinstance(model, OffPolicyAlgorithm):
        buffer: Any = model.replay_buffer
        for name, tensor in content["buffer"]["arrays"].items():
            getattr(buffer, name)[: len(tensor)] = tensor.numpy()
        buffer.pos, buffer.full = content["buffer"]["pos"], content["buffer"]["full"]
    name, words, *rest = content["numpy"]
    np.random.set_state((name, words.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(content["torch"])
    notes: dict[str, Any] = content["notes"]
    return notes


def _bytes(array: NDArray[Any]) -> torch.Tensor:
    """Return an array's memory: torch knows no records."""
    return torch.frombuffer(bytearray(array.tobytes()), dtype=torch.uint8)


def _mapped(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Return nested mappings and lists with their arrays converted."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return convert(value)
    if isinstance(value, Mapping):
        return {key: _mapped(item, convert) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, convert) for item in value]
    return value
