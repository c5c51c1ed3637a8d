"""How fast the shipped scorer is: `python studies/scorer_speed.py [TABLE.parquet [COLUMN]]`.

One prompt after start-up on one core, and a batch beside plain batched fp32 `transformers` (all
layers, batches of 32 in the order of the table) in the same run, on the same number of threads.
The prompts are made up, with the lengths of MMLU's, unless a table is given. Rounds of both take
turns, so that a busy machine slows both alike.
"""

import sys
import time

import numpy as np
import torch
import transformers

from edgeroute_env.semantic.encoder import DEFAULT_ENCODER, MAX_TOKENS, encoder_source
from edgeroute_env.semantic.scorer import Scorer
from edgeroute_env.tables_io import read_frame

PROMPTS, ROUNDS, SINGLES, BATCH = 128, 3, 50, 32


def made_up(count: int) -> list[str]:
    """Return texts of common words whose token counts follow MMLU's log-normal law."""
    generator = np.random.default_rng(0)
    words = "the of a function which following energy law state is not cell time war number".split()
    lengths = np.exp(generator.normal(4.40, 0.66, count)).astype(int)
    return [" ".join(generator.choice(words, max(length, 5))) for length in lengths]


class Plain:
    """The encoder as one would call it: padded to the longest of 32 in the order that they come."""

    def __init__(self) -> None:
        """Load the encoder whole."""
        source = encoder_source(DEFAULT_ENCODER)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        self.model = transformers.AutoModel.from_pretrained(source).eval()

    def __call__(self, texts: list[str]) -> None:
        """Encode texts, and throw the result away."""
        for start in range(0, len(texts), BATCH):
            made = self.tokenizer(
                texts[start : start + BATCH],
                padding=True,
                truncation=True,
                max_length=MAX_TOKENS,
                return_tensors="pt",
            )
            with torch.inference_mode():
                self.model(**made)


def main() -> None:
    if len(sys.argv) > 1:
        column = sys.argv[2] if len(sys.argv) > 2 else "prompt"
        texts = list(read_frame(sys.argv[1])[column].sample(PROMPTS, random_state=0))
    else:
        texts = made_up(PROMPTS)
    scorer, plain = Scorer.load(), Plain()
    torch.set_num_threads(1)
    times_ms = []
    for text in [*texts[:5], *texts[:SINGLES]]:
        start, busy = time.perf_counter(), time.process_time()
        scorer.score([text])
        times_ms.append((1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - busy)))
    wall, used = np.array(times_ms[5:]).T
    for name, values in (("wall", wall), ("CPU", used)):
        told = f"median {np.median(values):.1f} ms, 95 % {np.quantile(values, 0.95):.1f} ms"
        print(f"one prompt, one thread, {name} time: {told}", flush=True)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        spent: dict[str, list[tuple[float, float]]] = {"scorer": [], "plain": []}
        for _ in range(ROUNDS):
            for name, run in (("scorer", scorer.score), ("plain", plain)):
                start, busy = time.perf_counter(), time.process_time()
                run(texts)
                spent[name].append((time.perf_counter() - start, time.process_time() - busy))
        best = {name: np.min(values, axis=0) for name, values in spent.items()}
        print(
            f"{PROMPTS} prompts, {threads} threads: scorer {PROMPTS / best['scorer'][0]:.0f}/s, "
            f"plain {PROMPTS / best['plain'][0]:.0f}/s, ratio of wall times "
            f"{best['plain'][0] / best['scorer'][0]:.1f}, of CPU times "
            f"{best['plain'][1] / best['scorer'][1]:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
