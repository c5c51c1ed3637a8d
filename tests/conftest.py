"""Traces made by hand, of which a test changes only what it is about; the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeroute_baselines import fitted, fitting, registry
from edgeroute_env import Trace
from tests.helpers.command_line import Command, in_process, write_scenario

ROOT = Path(__file__).parents[1]
MARKS = {"agents": "training", "semantic": "training", "cli": "thorough", "validation": "thorough"}
# Packages of extras: tests of what needs them run where they are.
OPTIONAL = {
    "torch",
    "stable_baselines3",
    "sb3_contrib",
    "transformers",
    "sklearn",
    "optuna",
    "onnx",
    "pygame",
    "textual",
}
# No load, no delay, no outage, no eviction; single-turn questions on one phone.
AT_REST: dict[str, Any] = {
    "user": 0,
    "device": 0,
    "turn": 1,
    "last_turn": True,
    "benchmark": 0,
    "prompt_tokens": 50,
    "attachment_bytes": 0,
    "answer_tokens_device": 100,
    "answer_tokens_edge": 100,
    "predicted_tokens_device": 100,
    "predicted_tokens_edge": 100,
    "score": 0.5,
    "quality_device": 0.5,
    "quality_edge": 0.75,
    "expected_quality_device": 0.4,
    "expected_quality_edge": 0.9,
    "snr_db": 20,
    "downlink_mbit_per_s": 0,
    "outage_s": 0,
    "rtt_s": 0.02,
    "edge_load": 0,
    "edge_wait_s": 0,
    "reported_load": 0,
    "report_age_s": 0,
    "device_background": 0,
    "device_evicted": False,
    "edge_evicted": False,
}


def columns_at_rest(arrival_s: Any, **changed: Any) -> dict[str, Any]:
    turns = len(arrival_s)
    values = {"arrival_s": arrival_s, **AT_REST, **changed}
    return {name: np.broadcast_to(value, turns).copy() for name, value in values.items()}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-fast` leaves out, by its folder."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in MARKS:
            item.add_marker(MARKS[folder])


class Module(pytest.Module):
    """A test file; it is skipped where an optional package that it imports is not installed."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            cause = error.__cause__
            if isinstance(cause, ModuleNotFoundError) and cause.name in OPTIONAL:
                pytest.skip(f"needs {cause.name}, which is not installed", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Module:
    """Collect each test file as a `Module` of ours."""
    module: Module = Module.from_parent(parent, path=module_path)
    return module


@pytest.fixture(scope="session")
def rest_columns() -> Callable[..., dict[str, Any]]:
    return columns_at_rest


@pytest.fixture(scope="session")
def rest_trace() -> Callable[..., Trace]:
    return lambda arrival_s, **changed: Trace(columns_at_rest(arrival_s, **changed))


@pytest.fixture(scope="session")
def dialogue() -> Callable[..., Trace]:
    """Return one dialogue of a phone, its turns far enough apart that none waits."""

    def make(turns: int = 4, gap_s: float = 1000.0, **changed: Any) -> Trace:
        number = np.arange(1, turns + 1)
        placed = {"turn": number, "last_turn": number == turns, **changed}
        return Trace(columns_at_rest(gap_s * np.arange(turns), **placed))

    return make


@pytest.fixture
def edgeroute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """Run a command line in this process, in a folder with tiny.yaml and an empty data folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "data").mkdir()
    write_scenario(tmp_path)
    return in_process(monkeypatch, capsys)


@pytest.fixture(scope="module")
def short_searches() -> Iterator[None]:
    """Let a search end after eight settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name, spec in registry.ROUTERS.items():
            if spec.search is not None:
                search = dataclasses.replace(spec.search, generations=2, offspring=4)
                patch.setitem(registry.ROUTERS, name, dataclasses.replace(spec, search=search))
        yield


@pytest.fixture
def edgeroute_small(
    edgeroute: Command, short_searches: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """Fit on small grids and by short searches; add tinier.yaml."""
    write_scenario(tmp_path, "tinier", 3)
    monkeypatch.setattr(fitted, "FIT_EPISODES", 5)
    monkeypatch.setattr(fitting, "REFINEMENT", ())
    small = {"alpha_per_s": (0.0, 0.1), "theta": (0.0, 0.3, 0.8)}
    for name in registry.router_names():
        spec = registry.spec(name)
        grid = {key: small.get(key, (ends[0], ends[-1])) for key, ends in spec.grid.items()}
        monkeypatch.setitem(registry.ROUTERS, name, dataclasses.replace(spec, grid=grid))
    return edgeroute
