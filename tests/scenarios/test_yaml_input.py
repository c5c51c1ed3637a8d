"""YAML of any kind is read as a configuration, or refused in one line and at once."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from edgeroute_env import InputError, load_scenario
from edgeroute_env.config_files import LONGEST_TEXT, parse_yaml
from edgeroute_env.scenario_files import parse_overrides

PAIRS = list(zip("abcdefgh", "bcdefghi", strict=True))
TIMES_NINE = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]\n" for p, c in PAIRS
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{c}: &{c} {{<<: [{', '.join([f'*{p}'] * 9)}]}}\n" for p, c in PAIRS
)
REFUSED = {
    "twice": ("a: 1\nb: {c: 1, c: 2}\n", "line 2: got 'c'; allowed: each key once"),
    "truth": ("!!bool maybe", "valid YAML"),
    "number": ("!!int x", "valid YAML"),
    "digits": ("9" * 5000, "valid YAML"),
    "time": ("!!timestamp x", "valid YAML"),
    "aliases": (TIMES_NINE, "got 'repeating aliases'"),
    "merges": (MERGES, "got 'repeating aliases'"),
    "itself": ("&a [*a]", "alias within itself"),
    "brackets": ("[" * 50_000, "nested too deeply"),
    "dashes": ("- " * 40_000, "nested"),
    "braces": ("{a: " * 5000, "nested too deeply"),
    "length": ("x" * (LONGEST_TEXT + 1), f"at most {LONGEST_TEXT} characters"),
    "key": ("? [1]\n: 2", "unhashable key (line 1"),
    "object": ("!!python/object:os.system 1", "valid YAML"),
    "byte": ("a: \x00", "valid YAML"),
    "documents": ("a: 1\n---\nb: 2", "another document (line 2"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_bad_yaml_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    text, told = REFUSED[kind]
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    tracemalloc.start()
    started = time.perf_counter()
    for read in (lambda: parse_yaml(text, "--set"), lambda: load_scenario(path)):
        with pytest.raises(InputError) as caught:
            read()
        message = str(caught.value)
        assert told in message
        assert "\n" not in message
        assert len(message) < 500
    assert time.perf_counter() - started < 10
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    with path.open("wb") as file:
        file.truncate(10**9)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"at most \d+"):
        load_scenario(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["own.yaml\x00.yaml", "x" * 5000 + ".yaml", "\ud800.yaml"])
def test_a_path_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="a readable YAML file"):
        load_scenario(name)


def test_what_configurations_use_is_still_read() -> None:
    text = "base: &b {x: 1e9, y: 2}\nmore: {<<: *b, y: 3}\nday: 2024-01-01\nlist: [*b, *b]\n"
    read = parse_yaml(text, "own.yaml")
    assert read["more"] == {"x": 1e9, "y": 3}
    assert read["list"] == [{"x": 1e9, "y": 2}] * 2
    assert read["day"] == "2024-01-01"
    assert parse_yaml("", "own.yaml") is None


@pytest.mark.parametrize("value", ["yes", "on", "2024-01-01", "1:30", "'3'", "[1]", "~", ".nan"])
def test_what_yaml_makes_of_a_value_is_no_number(value: str) -> None:
    overrides = parse_overrides([f"radio.uplink_hz={value}"])
    if value == "1:30":  # PyYAML reads base 60, as YAML 1.1 has it: 90 is too little
        assert overrides["radio.uplink_hz"] == 90
    with pytest.raises(InputError, match=r"radio\.uplink_hz: got .*a number from"):
        load_scenario("paper", overrides)
