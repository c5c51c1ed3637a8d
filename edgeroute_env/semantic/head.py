"""The head: from an encoder's vector and length features to two calibrated probabilities a pair.

Two parts read a prompt. The text part is a few small networks with one hidden layer over the
encoder's vector and the shape features, their logits averaged; the length part is a logistic
regression on the prompt's length. Their sum, weighted and shifted on held-out questions, is the
calibrated logit. Inference is plain numpy; files are safetensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError, needs
from edgeroute_env.files import (
    read_whole,
    refuse_overwrite,
    replacing,
    safetensors_metadata,
    tensors_sha256,
)
from edgeroute_env.semantic.prompt_features import LENGTH

Floats = NDArray[np.float64]
OUTPUTS = ("needed", "device_wrong")  # P(only the large model is right), P(the device is wrong)
FORMAT = "edgeroute-scorer-2"
CLIP = 4.0  # deviations: a prompt unlike all seen counts as one at the edge of what was seen


@dataclass(frozen=True, eq=False)
class Head:
    """A trained head of m members, h hidden units and p pairs; o = 2p outputs, a pair's adjacent.

    text_*: of the text part's inputs, shape (d,). hidden_*: (m, d, h) and (m, h). out_*: (m, h, o)
    and (m, o). length_*: mean and scale (4,), weight (4, o), bias (o,). mix: (5, o), by which text
    and length logits make the calibrated logit. about: encoder, layers, pairs and how the head was
    made.
    """

    text_mean: Floats
    text_scale: Floats
    hidden_weight: Floats
    hidden_bias: Floats
    out_weight: Floats
    out_bias: Floats
    length_mean: Floats
    length_scale: Floats
    length_weight: Floats
    length_bias: Floats
    mix: Floats
    about: dict[str, Any]

    @property
    def pairs(self) -> tuple[str, ...]:
        """The names of the pairs of models that the head scores."""
        return tuple(self.about["pairs"])

    def text_logits(self, text: NDArray[Any]) -> Floats:
        """Return the text part's logits, (n, o), of vectors and shape features (n, d)."""
        x = _standard(text, self.text_mean, self.text_scale)
        total = np.zeros((len(x), self.out_bias.shape[1]))
        for weight, bias, out_weight, out_bias in zip(
            self.hidden_weight, self.hidden_bias, self.out_weight, self.out_bias, strict=True
        ):
            total += gelu(x @ weight + bias) @ out_weight + out_bias
        return total / len(self.hidden_bias)

    def length_logits(self, length: Floats) -> Floats:
        """Return the length part's logits, (n, o), of length features (n, 4)."""
        x = _standard(length, self.length_mean, self.length_scale)
        return x @ self.length_weight + self.length_bias

    def probabilities(self, text: NDArray[Any], length: Floats) -> Floats:
        """Return calibrated probabilities, (n, pairs, 2) in the order of OUTPUTS.

        The large model is needed only where the device is wrong, so the first never exceeds the
        second.
        """
        mixed = calibrated(self.mix, self.text_logits(text), self.length_logits(length))
        found = sigmoid(mixed).reshape(len(text), len(self.pairs), len(OUTPUTS))
        return np.minimum(found, found[:, :, 1:])

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write a safetensors file, whole or not at all; weights take two bytes each."""
        with needs("the semantic scorer", "bert"):
            from safetensors.numpy import save_file
        path = Path(path)
        refuse_overwrite(path, overwrite)
        stored = {
            name: np.ascontiguousarray(
                getattr(self, name), np.float16 if name in _HALVED else np.float32
            )
            for name in _ARRAYS
        }
        about = json.dumps(self.about, sort_keys=True)
        digest = tensors_sha256(stored, "about", about)
        with replacing(path) as part:
            save_file(stored, part, {"format": FORMAT, "about": about, "sha256": digest})
        return path

    @classmethod
    def load(cls, path: str | Path) -> Head:
        """Read a head; InputError where the file is missing, damaged or of another kind."""
        with needs("the semantic scorer", "bert"):
            import safetensors.numpy
        if not Path(path).is_file():
            raise InputError("head", str(path), "an existing head file")
        try:
            content = read_whole(Path(path))
            metadata = safetensors_metadata(content)
            arrays = safetensors.numpy.load(content)
            if metadata.get("format") != FORMAT or set(arrays) != set(_ARRAYS):
                raise ValueError(f"not of format {FORMAT}")
            if metadata["sha256"] != tensors_sha256(arrays, "about", metadata["about"]):
                raise ValueError("its checksum does not fit")
            head = cls(**_float64(arrays), about=json.loads(metadata["about"]))
            head._check()
        except Exception as error:  # the reader's own kinds of errors
            reason = " ".join(str(error).split())[:160]
            allowed = f"a head of format {FORMAT}, a safetensors file ({reason})"
            raise InputError("head", str(path), allowed) from None
        return head

    def _check(self) -> None:
        """Raise ValueError where the arrays do not belong together."""
        pairs = self.about["pairs"]
        if not isinstance(pairs, list) or not pairs or not all(isinstance(p, str) for p in pairs):
            raise ValueError("its pairs are no list of names")
        layers = self.about["layers"]
        if not isinstance(layers, list) or not all(type(layer) is int for layer in layers):
            raise ValueError("its layers are no list of whole numbers")
        if (
            not isinstance(self.about["encoder"], str)
            or type(self.about["shape_features"]) is not int
        ):
            raise ValueError("its encoder is no name or its shape_features no whole number")
        (members, inputs, hidden), outputs = self.hidden_weight.shape, len(OUTPUTS) * len(pairs)
        shapes = {
            "text_mean": (inputs,),
            "text_scale": (inputs,),
            "hidden_bias": (members, hidden),
            "out_weight": (members, hidden, outputs),
            "out_bias": (members, outputs),
            "length_mean": (len(LENGTH),),
            "length_scale": (len(LENGTH),),
            "length_weight": (len(LENGTH), outputs),
            "length_bias": (outputs,),
            "mix": (5, outputs),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, not {shape}")


def _float64(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"{name} holds what are no finite numbers")
    return {name: array.astype(np.float64) for name, array in arrays.items()}


_ARRAYS = tuple(spec.name for spec in fields(Head) if spec.name != "about")
_HALVED = ("hidden_weight", "out_weight")


def calibrated(mix: Floats, text: Floats, length: Floats) -> Floats:
    """Return calibrated logits of text and length logits, (n,) or (n, o) with a mix (5, o).

    The weighted sum mix[0] * text + mix[1] * length keeps its slope at mix[3] and saturates mix[4]
    from there; mix[2] shifts it.
    """
    away = mix[0] * text + mix[1] * length - mix[3]
    logits: Floats = mix[2] + mix[4] * np.tanh(away / mix[4])
    return logits


def sigmoid(logits: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


def gelu(x: Floats) -> Floats:
    """Return the Gaussian error linear unit in its tanh form, as the training uses it."""
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def _standard(values: NDArray[Any], mean: Floats, scale: Floats) -> Floats:
    return np.clip((np.asarray(values, np.float64) - mean) / scale, -CLIP, CLIP)
