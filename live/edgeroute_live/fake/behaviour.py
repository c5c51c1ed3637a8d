"""What a fake server is like, and the ways in which it can fail."""

from __future__ import annotations

from dataclasses import dataclass

FAILURES = (
    "busy",  # 429 with Retry-After
    "error",  # 500
    "silence",  # takes the request and never answers
    "stall",  # goes silent after a few chunks
    "malformed",  # a chunk that is no JSON
    "truncated",  # the stream ends without finish_reason
    "reset-before",  # the connection is reset before the first byte
    "reset-after",  # the connection is reset after a few chunks
)


@dataclass(frozen=True)
class Behaviour:
    """What a fake server is like: its speeds, how it counts tokens, what it refuses.

    A prefill of n new tokens behind c cached ones takes `prefill_fixed_s + n (prefill_s_per_token +
    prefill_s_per_pair (c + n / 2))`; prefills are done one after the other. A token of an answer
    takes `decode_fixed_s`, `decode_s_per_sequence` for each answer under way, and
    `decode_s_per_context_token` for each token of their contexts.
    """

    model: str = "fake-model"
    prefill_fixed_s: float = 0.02
    prefill_s_per_token: float = 2e-4
    prefill_s_per_pair: float = 0.0
    decode_fixed_s: float = 0.004
    decode_s_per_sequence: float = 0.0
    decode_s_per_context_token: float = 0.0
    slots: int = 64  # answers at once; more wait
    answer_tokens: int = 4096  # of an answer that max_tokens does not cut
    template_tokens: int = 3  # added to every prompt
    message_tokens: int = 4  # added to every message
    tokens_per_estimate: float = 1.0  # of a text, over the simulator's estimate
    cache_tokens: int = 200_000  # prefixes kept, the latest used; 0: no prefix cache
    cache_block_tokens: int = 1  # a cached prefix is whole blocks (vLLM: 16)
    cached_answer_share: float = 1.0  # of an answer that stays cached
    reports_cache: bool = True
    reports_metrics: bool = True
    context_tokens: int = 32_768
    tool: str = ""  # answers are calls of this tool, if a request offers tools
    retry_after_s: int = 1
    key: str = ""  # the bearer token that is asked for, if any

    def prefill_s(self, new_tokens: float, cached_tokens: float) -> float:
        """Return the time of a prefill, s."""
        attended = cached_tokens + 0.5 * new_tokens
        per_token = self.prefill_s_per_token + self.prefill_s_per_pair * attended
        return self.prefill_fixed_s + new_tokens * per_token

    def token_s(self, batch: float, context_tokens: float) -> float:
        """Return the time of one token of an answer; the contexts are the batch's sum."""
        shared = self.decode_s_per_sequence * batch
        return self.decode_fixed_s + shared + self.decode_s_per_context_token * context_tokens
