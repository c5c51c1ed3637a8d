"""The prompt's length alone: long questions go to the edge.

A learned score has to beat this rule of thumb. Hybrid LLM (Ding et al., ICLR 2024, arXiv
2404.14618) and the length-augmented classifier of Bao et al. (arXiv 2508.11291) both start from it:
without reading a query, its length is all that one knows of its difficulty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.rule import Rule, Seen, not_negative

# About the deciles of all presets' prompts, from "always the edge" to "never".
TOKENS = (0.0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192, 16384, 1e7)


@dataclass(frozen=True)
class LengthThresholdRouter(Rule):
    """Sends a turn to the edge iff its new prompt is longer than `tokens`."""

    tokens: float
    name: str = "length-threshold"
    reads_score: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse a threshold that is not a length."""
        not_negative(tokens=self.tokens)

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        return seen["prompt_tokens"] > self.tokens
