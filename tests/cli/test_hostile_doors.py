"""Bad flags and bad files end a command in one line and exit code 2, soon and in little memory.

Every input that is refused is counted, so that a test fails where it tries fewer than it says.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, product
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator

from edgeroute_agents.policy import FILE, PRETRAINED
from edgeroute_env import EdgeRouteEnv
from edgeroute_env.semantic.scorer import SHIPPED
from tests.helpers.command_line import Command
from tests.helpers.hostile import LONGEST_MESSAGE, SLOWEST_S

FEW, MANY = 100, 1000
MOST_KB = 2**20  # of memory more than before: 1 GB

VALUES = [
    *("", " ", "nan", "inf", "-inf", "1e999", "-7", "1e308", "9" * 5000, "x" * 10_000, "maybe"),
    *("[" * 500, "{a: *b}", "&a [*a]", "../../x", "/dev/zero", "pipe", ".", "huge.yaml", "0x"),
    *("\u2028", "\x1b[31m", "null", "true", "!!python/object:os.system x", "2024-01-01", "[1, 2]"),
]
FIELDS = [
    *(
        "radio.uplink_hz",
        "workload.turns",
        "edge.max_sequences",
        "device.count",
        "radio.environment",
    ),
    *("workload.mix", "objective", "weights.quality", "edge", "name.x", "nowhere"),
]
RUN = ("run", "-s", "tiny.yaml", "--router")
BENCHMARK = ("benchmark", "--quiet", "--out", "out")
OUT = ("--out", "x.parquet")
# Commands that end in a value, and no value of the above is good for.
ENDINGS: list[tuple[str, ...]] = [
    *((*RUN, "edge", "--seed"), (*RUN, "edge", "--traces"), (*RUN, "edge", "--trace")),
    *((*RUN, "edge", "--param"), RUN, (*RUN, "ppo", "--policy"), ("run", "-s")),
    *(BENCHMARK, (*BENCHMARK, "tiny.yaml", "--episodes"), (*BENCHMARK, "tiny.yaml", "--set")),
    *((*BENCHMARK, "tiny.yaml", "--tolerance"), (*BENCHMARK, "tiny.yaml", "--reference")),
    *((*BENCHMARK, "tiny.yaml", "--router"), ("report",), ("scenarios",), ("fit",)),
    *(("sweep", "load", "-s", "tiny.yaml", "--router", "edge", "--values"), ("tune", "ppo", "-s")),
    *(("train",), ("train", "ppo", "--settings"), ("train", "ppo", "--seed"), ("tune",)),
    *(("tune", "ppo", "--trials"), ("trace", "info"), ("trace", "make", *OUT, "--seed")),
    *(("trace", "make", *OUT, "-s"), ("trace", "import", "azure", "pipe", *OUT, "--seed")),
    *(("watch", "edge", "-s", "tiny.yaml", "-o"), ("watch", "-s", "tiny.yaml", "-o", "x.gif")),
    *(("replay", "-s", "tiny.yaml", "--quiet"), ("replay", "edge", "-s", "tiny.yaml", "--traces")),
    *(("data", "get"), ("score", "text", "hello", "--head"), ("score", "recorded"), ()),
]


def flags() -> Iterator[list[str]]:
    """Yield command lines with one bad value, the readers of published files among them."""
    for field, value in product(FIELDS, VALUES):
        yield [*RUN, "edge", "--set", f"{field}={value}"]
    for ending, value in product(ENDINGS, VALUES):
        yield [*ending, value]
    for kind, value in product(("routellm", "zeroeval", "azure", "mooncake", "outcomes"), VALUES):
        yield ["trace", "import", kind, value, *OUT]


def spoilt(content: bytes, rng: Generator) -> bytes:
    """Return a file with a few bytes changed, or with its end cut off."""
    changed = bytearray(content[: rng.integers(1, len(content))] if rng.random() < 0.5 else content)
    for place in rng.integers(0, min(len(changed), 200), 8):
        changed[place] = rng.integers(256)
    return bytes(changed)


def with_a_bad_cell(content: bytes, rng: Generator) -> bytes:
    """Return a table or JSON lines with one of the bad values in place of a cell."""
    lines = content.decode().splitlines()
    line = rng.integers(len(lines))
    cells = lines[line].split(",")
    cells[rng.integers(len(cells))] = VALUES[rng.integers(len(VALUES))]
    lines[line] = ",".join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def damaged(rng: Generator) -> Iterator[list[str]]:
    """Yield commands that read a file of ours, or of others, of which a part is bad."""
    env = EdgeRouteEnv("paper", {"workload.turns": 6})
    env.reset(seed=0)
    trace_csv, trace_parquet = (env.trace.save(f"good.{kind}") for kind in ("csv", "parquet"))
    requests = b'{"timestamp": 0, "input_length": 9, "output_length": 5, "hash_ids": [1, 2]}\n' * 3
    answers = b'[{"id": 1, "question": "2+2?", "answer": "4", "output": ["{answer: 4}"]}]'
    arrivals = b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6,374,44\n" * 2
    scenario = b"extends: paper\nname: own\ndescription: x, y\nworkload: {turns: 4}\n"
    reads: list[tuple[bytes, str, Sequence[str], Callable[[bytes, Generator], bytes]]] = [
        ((PRETRAINED / "ppo-paper" / FILE).read_bytes(), ".safetensors",
         ["run", "--router", "ppo", "--policy"], spoilt),
        (next(SHIPPED.glob("*.safetensors")).read_bytes(), ".safetensors",
         ["score", "text", "hello", "--head"], spoilt),
        (trace_parquet.read_bytes(), ".parquet", ["trace", "info"], spoilt),
        (trace_csv.read_bytes(), ".csv", ["trace", "info"], with_a_bad_cell),
        (requests, ".jsonl", ["trace", "import", "mooncake", *OUT, "--overwrite"], with_a_bad_cell),
        (answers, ".json", ["trace", "import", "zeroeval", *OUT, "--overwrite"], with_a_bad_cell),
        (arrivals, ".csv", ["trace", "import", "azure", *OUT, "--overwrite"], with_a_bad_cell),
        (scenario, ".yaml", [*RUN[:1], "--router", "edge", "-s"], with_a_bad_cell),
    ]  # fmt: skip
    for i in range(10**6):
        content, suffix, command, change = reads[i % len(reads)]
        Path(f"bad-{i}{suffix}").write_bytes(change(content, rng))
        yield [*command, f"bad-{i}{suffix}"]


def refuse_all(command: Command, wanted: int) -> None:
    """Try bad inputs until `wanted` distinct ones have been refused as they should be."""
    os.mkfifo("pipe")
    with Path("huge.yaml").open("wb") as file:
        file.truncate(10 * 2**30)
    rng = np.random.default_rng(0)
    lines = list(flags())
    tried = (lines[k] for k in rng.permutation(len(lines))[: wanted // 2])
    refused = set()
    for arguments in chain(tried, islice(damaged(rng), 4 * wanted)):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        ended = command(*arguments)
        assert time.perf_counter() - started < SLOWEST_S, arguments
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KB, arguments
        if ended.code:  # what happens to be valid does not count
            assert ended.code == 2, (arguments, ended)
            assert "Traceback" not in ended.err
            if ended.err.startswith("edgeroute: "):
                assert ended.err.count("\n") == 1, ended.err
                assert len(ended.err) < LONGEST_MESSAGE + len("edgeroute: "), ended.err
            refused.add(tuple(arguments))
        if len(refused) == wanted:
            return
    raise AssertionError(f"only {len(refused)} of {wanted} inputs were bad")


def test_bad_flags_and_bad_files_end_in_one_line(edgeroute: Command) -> None:
    refuse_all(edgeroute, FEW)


@pytest.mark.slow
def test_many_bad_flags_and_bad_files_end_in_one_line(edgeroute: Command) -> None:
    refuse_all(edgeroute, MANY)
