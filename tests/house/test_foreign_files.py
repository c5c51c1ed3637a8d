"""A file of someone else's reaches nothing beyond its own place."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeroute_env import InputError, load_scenario
from edgeroute_env.evaluation.results import BENCHMARK_FILES, read_results
from tests.helpers.command_line import Command, results


@pytest.mark.parametrize("file", ["../secret.csv", "/etc/passwd", "data/../../secret.csv", ""])
def test_a_table_lies_in_the_data_folder(file: str) -> None:
    for field in ("workload.arrivals", "radio.snr_runs"):
        with pytest.raises(InputError, match="a file in the data folder"):
            load_scenario("paper", {field: {"file": file}})
    kept = load_scenario("paper", {"workload.arrivals": {"file": "mine/gaps.csv"}})
    assert kept.workload.arrivals is not None


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["../../x", "/abs/x", "other"])
def test_results_are_named_as_their_scenario(
    name: str, edgeroute_small: Command, tmp_path: Path
) -> None:
    asked = ("benchmark", "tiny.yaml", "--episodes", "2", "--traces", "synthetic", "--quiet")
    assert edgeroute_small(*asked, "--out", "out").code == 0
    path = tmp_path / "out" / "results.json"
    content = results(path.parent)
    (result,) = content["scenarios"].values()
    BENCHMARK_FILES.write(path.parent, {**content, "scenarios": {name: result}})
    with pytest.raises(InputError, match="its own name, tiny"):
        read_results(path)
    ended = edgeroute_small("report", "out")
    assert ended.code == 2
    assert not (tmp_path / "out" / "report").exists()
