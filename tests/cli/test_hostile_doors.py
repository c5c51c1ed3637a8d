"""Bad flags and damaged files end a command in one line and exit code 2, soon and in little memory.

Every input is counted, so that the tests fail where they try fewer distinct bad ones than stated.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edgeroute_agents.policy import FILE, PRETRAINED
from edgeroute_env.semantic.scorer import SHIPPED
from tests.helpers.command_line import Command
from tests.helpers.hostile import LONGEST_MESSAGE, SLOWEST_S

FEW, MANY = 200, 1000
MOST_KB = 2**20  # of memory more than before: 1 GB

VALUES = [
    *("", " ", "nan", "inf", "-inf", "1e999", "-1", "1e308", "9" * 5000, "x" * 10_000, "maybe"),
    *(
        "[" * 500,
        "{a: *b}",
        "&a [*a]",
        "../../x",
        "/dev/zero",
        "pipe",
        ".",
        "\x1b[31m",
        "huge.yaml",
    ),
    *("\u2028", "null", "true", "!!python/object:os.system x", "2024-01-01", "0x", "[1, 2]"),
]
FIELDS = [
    *("radio.uplink_hz", "workload.turns", "edge.slots", "device.count", "radio.environment"),
    *("workload.mix", "budgets", "objective", "weights.quality", "edge", "name.x", "nowhere"),
]


def flags() -> Iterator[list[str]]:
    """Yield command lines with one thing wrong."""
    for value in VALUES:
        for field in FIELDS:
            if (field, value) not in {("budgets", "null")}:
                yield ["show", "-s", "paper", "--set", f"{field}={value}"]
        yield ["run", "edge", "-s", value or "-"]
        yield ["run", value or "-"]
        yield ["run", "edge", "--episodes", value]
        yield ["run", "edge", "--traces", value]
        yield ["run", "score-threshold", "--param", f"theta={value or 'x'}", "--param", "no=1"]
        yield ["benchmark", value or "-", "--episodes", "2"]
        yield ["benchmark", "paper", "--tolerance", value]
        yield ["report", value or "-"]
        yield ["train", "ppo", "--settings", value or "-"]
        yield ["trace", "import", "mooncake", value or "-", "--out", "x.parquet"]
        yield ["trace", "import", value or "-", "pipe", "--out", "x.parquet"]
        yield ["score", "text", value or "-", "--head", f"{value or '-'}.safetensors"]
        yield ["score", "file", value or "-", "--out", "y.csv"]
        yield [value or "-"]


def damaged(rng: np.random.Generator) -> Iterator[list[str]]:
    """Yield commands on files of ours, each with a few bytes changed or with its end cut off."""
    policy = (PRETRAINED / "ppo-paper" / FILE).read_bytes()
    head = next(SHIPPED.glob("*.safetensors")).read_bytes()
    for i in range(10**6):
        for content, name, command in (
            (policy, f"{i}.safetensors", ["run", "ppo", "-s", "paper", "--policy"]),
            (head, f"{i}-head.safetensors", ["score", "text", "hello", "--head"]),
        ):
            changed = bytearray(content[: 3000 if i % 2 else rng.integers(1, len(content))])
            for place in rng.integers(0, min(len(changed), 200), 8):
                changed[place] = rng.integers(256)
            Path(name).write_bytes(changed)
            yield [*command, name]


def refuse_all(command: Command, wanted: int, share: float) -> None:
    """Try bad inputs until `wanted` distinct ones have been refused as they should be."""
    os.mkfifo("pipe")
    with Path("huge.yaml").open("wb") as file:
        file.truncate(10 * 2**30)
    rng = np.random.default_rng(0)
    lines = list(flags())
    rng.shuffle(lines)  # type: ignore[arg-type]
    tried = [*lines[: int(wanted * share)], *islice(damaged(rng), wanted)]
    refused = set()
    for arguments in tried:
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


def test_bad_flags_and_damaged_files_end_in_one_line(edgeroute: Command) -> None:
    refuse_all(edgeroute, FEW, 0.9)


@pytest.mark.slow
def test_many_bad_flags_and_damaged_files_end_in_one_line(edgeroute: Command) -> None:
    refuse_all(edgeroute, MANY, 0.9)
