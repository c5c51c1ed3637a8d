"""The last turn of an episode as a line of text."""

from __future__ import annotations

from edgeroute_env.simulator.batch import Batch


def describe(batch: Batch) -> str:
    """Return what happened to the turn that a batch of one has just routed."""
    cursor = int(batch.episodes["cursor"][0])
    if cursor == 0:
        return "no turn routed yet"
    row = batch.traces[batch.episodes["trace"][0], cursor - 1]
    out = batch.outcomes[0]
    place = "edge" if out["edge_call"] else "device"
    if out["failed"]:
        place = "failed"
    elif out["refused"]:
        place = "refused, device"
    return (
        f"t={row['arrival_s']:8.1f} s  turn {row['turn']}  {row['prompt_tokens']:5.0f} tokens  "
        f"score {row['score']:.2f}  SNR {row['snr_db']:5.1f} dB  load {row['edge_load']:.2f}  "
        f"-> {place:<6}  latency {out['latency_s']:6.2f} s (first token {out['ttft_s']:5.2f})  "
        f"quality {out['quality']:.2f}  reward {out['reward']:+.3f}"
    )
