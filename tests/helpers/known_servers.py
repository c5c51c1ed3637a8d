"""Two fake servers of known speed, for calibrations and comparisons."""

from edgeroute_live.fake import Behaviour

# So slow that a busy machine's delays, some 10 ms, are a small part of every time.
DEVICE = Behaviour(
    model="small",
    prefill_fixed_s=0.5,
    prefill_s_per_token=1e-3,
    decode_fixed_s=0.03,
    decode_s_per_context_token=4e-5,
    template_tokens=12,
    tokens_per_estimate=1.1,
)
EDGE = Behaviour(
    model="large",
    prefill_fixed_s=0.4,
    prefill_s_per_token=8e-4,
    prefill_s_per_pair=1.2e-6,
    decode_fixed_s=0.025,
    decode_s_per_sequence=0.008,
    decode_s_per_context_token=2e-5,
    cache_block_tokens=16,
)
