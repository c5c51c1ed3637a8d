"""What an inference server tells of its load, in Prometheus' text format."""

from __future__ import annotations

import re

# Requests in the batch and waiting, by their names in vLLM, SGLang, llama.cpp and TGI.
RUNNING = (
    *("vllm:num_requests_running", "vllm:num_requests_waiting"),
    *("sglang:num_running_reqs", "sglang:num_queue_reqs"),
    *("llamacpp:requests_processing", "llamacpp:requests_deferred"),
    *("tgi_batch_current_size", "tgi_queue_size"),
)
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{[^}]*\})?\s+([-+.\deE]+)", re.MULTILINE)


def requests_at(metrics: str) -> float | None:
    """Return how many requests a server holds, in its batch or waiting; None if it does not say."""
    found = [float(value) for name, value in _SAMPLE.findall(metrics) if name in RUNNING]
    return sum(found) if found else None
