"""`edgeroute sweep` varies one parameter, on identical traces, and loses nothing it finished."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeroute_baselines import make_router, sweeping
from edgeroute_env import EdgeRouteEnv, InputError, Scenario, load_scenario
from edgeroute_env.cli import sweep as command
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.metrics import figures
from edgeroute_env.evaluation.sweep import KNOBS, label_of, overrides_of, variants
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.sources import Drawn, Pinned
from tests.helpers.command_line import Command

COMMON = ("--router", "edge", "--router", "device", "--episodes", "3", "--quiet", "--out", "out")
LOADS = ("sweep", "load", "-s", "tiny.yaml", "--values", "0.9,0.2", *COMMON)
PAPER = load_scenario("paper")
FILES = {"sweep.json", "sweep.csv", "sweep.png"}


def swept(folder: str = "out") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(folder) / "sweep.json").read_text())
    return content


def at(parameter: str, value: float, scenario: Scenario = PAPER) -> Scenario:
    return variants(scenario, parameter, [value])[value]


# --- what is written


def test_files_hold_all_that_is_needed_to_repeat_them(edgeroute: Command) -> None:
    ended = edgeroute(*LOADS, "--set", "weights.edge_call=0.1")
    assert ended.code == 0
    assert {path.name for path in Path("out").iterdir()} == FILES
    assert Path("out/sweep.png").read_bytes().startswith(b"\x89PNG")
    content = swept()
    assert content["command"] == " ".join(["edgeroute", *LOADS, "--set", "weights.edge_call=0.1"])
    assert "numpy" in content["versions"]
    settings, rows = content["settings"], content["rows"]
    chosen = load_scenario("tiny.yaml", {"weights.edge_call": 0.1})
    assert Scenario.model_validate(settings["scenario"]) == chosen
    assert settings["seeds"] == [EVALUATION_SEEDS[0], EVALUATION_SEEDS[2]]
    assert settings["routers"] == {"edge": {}, "device": {}}
    expected = [(0.2, "edge"), (0.2, "device"), (0.9, "edge"), (0.9, "device")]
    assert [(row["value"], row["router"]) for row in rows] == expected
    seeds = range(settings["seeds"][0], settings["seeds"][1] + 1)
    for row in rows:
        variant = load_scenario(chosen, {"edge.background.utilisation": row["value"]})
        run = run_episodes(make_router(row["router"]), variant, Drawn(variant), seeds)
        for name, value in figures(run).items():
            if name in row["figures"]:
                part = row["figures"][name]
                assert part["mean"] == value
                assert part["low"] <= value <= part["high"]
    with Path("out/sweep.csv").open(newline="") as file:
        flat = list(csv.DictReader(file))
    assert {row["traces"] for row in flat} == {"synthetic"}
    assert [(float(row["value"]), row["router"]) for row in flat] == expected
    for row, line in zip(rows, flat, strict=True):
        for name, part in row["figures"].items():
            assert [float(line[name + end]) for end in ("", "_low", "_high")] == [
                part[key] for key in ("mean", "low", "high")
            ]


def test_the_table_shows_every_value_and_router(edgeroute: Command) -> None:
    out = edgeroute(*LOADS).out
    assert "tiny · synthetic traces" in out
    assert label_of("load") in " ".join(out.split())
    assert (out.count(" edge  "), out.count(" device ")) == (2, 2)
    assert "…" not in out
    assert "No figure moves" not in out


@pytest.mark.parametrize("folder", ["[bold]x[/]", "a[1]"])
def test_paths_are_printed_as_they_are(folder: str, edgeroute: Command) -> None:
    ended = edgeroute(*LOADS[:-1], folder)
    names = ("sweep.json", "sweep.csv", "sweep.png")
    written = ", ".join(str(Path(folder, name)) for name in names)
    assert (ended.code, ended.err) == (0, f"written: {written}\n")


def test_a_parameter_without_effect_is_said_to_have_none(edgeroute: Command) -> None:
    arguments = ("sweep", "quota", "-s", "tiny.yaml", "--values", "500,900", *COMMON)
    assert "No figure moves with quota" in " ".join(edgeroute(*arguments).out.split())


def test_routers_keep_the_fit_of_the_scenario_itself(edgeroute_small: Command) -> None:
    fitted = ("sweep", "snr", "-s", "tiny.yaml", "--values", "-6,6", "--episodes", "2", "--quiet")
    edgeroute_small("fit", "-s", "tiny.yaml", "--quiet")
    assert edgeroute_small(*fitted, "--out", "out").code == 0
    assert set(swept()["settings"]["routers"]) == set(command.ROUTERS)
    assert set(swept()["settings"]["routers"]["bao-multi-queue"]) == {"alpha_per_s", "theta"}


# --- resuming


def test_an_interrupted_sweep_goes_on_where_it_stopped(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edgeroute(*LOADS).code == 0
    whole = {name: Path("out", name).read_bytes() for name in FILES}
    again = (*LOADS[:-1], "again")
    plain, calls = sweeping.measure, []

    def breaks(value: float, *rest: Any) -> Any:
        calls.append(value)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(value, *rest)

    monkeypatch.setattr(sweeping, "measure", breaks)
    assert edgeroute(*again).code != 0
    assert {path.name for path in Path("again").iterdir()} == FILES
    assert [row["value"] for row in swept("again")["rows"]] == [0.2, 0.2]
    assert edgeroute(*again, "--resume").code == 0
    assert calls == [0.2, 0.9, 0.9]  # the first value was kept
    assert swept("again")["rows"] == json.loads(whole["sweep.json"])["rows"]
    for name in ("sweep.csv", "sweep.png"):
        assert Path("again", name).read_bytes() == whole[name]
    Path("again/sweep.png").unlink()  # as if it had been stopped between two files
    assert edgeroute(*again, "--resume").code == 0
    assert Path("again/sweep.png").read_bytes() == whole["sweep.png"]
    assert len(calls) == 3


def test_a_sweep_is_not_overwritten_or_mixed_with_another(edgeroute: Command) -> None:
    assert edgeroute(*LOADS).code == 0
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    for more, named in (
        ((), "--overwrite"),
        (("--resume", "--episodes", "2"), "episodes"),
        (("--resume", "--set", "edge.max_sequences=2"), "scenario"),
        (("--resume", "--router", "random"), "routers"),
    ):
        refused = edgeroute(*LOADS, *more)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert named in refused.err
        assert {path: path.read_bytes() for path in Path("out").iterdir()} == before
    assert edgeroute(*LOADS, "--episodes", "2", "--overwrite").code == 0
    assert swept()["settings"]["episodes"] == 2


@pytest.mark.parametrize("text", ["[1]", "{}", '{"settings": {}, "rows": [{}]}', '{"settings"'])
def test_resume_refuses_what_is_not_a_sweep(text: str, edgeroute: Command) -> None:
    Path("out").mkdir()
    Path("out/sweep.json").write_text(text)
    refused = edgeroute(*LOADS, "--resume")
    assert (refused.code, refused.err.count("\n")) == (2, 1)


# --- bad input


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (("load", "--values", "0.2,high"), ["--values", "'0.2,high'", "10,20,40"]),
        (("load", "--values", ""), ["--values", "numbers"]),
        (("load", "--values", "0.2,nan"), ["--values", "numbers"]),
        (("load", "--values", "0.2,0.20"), ["--values", "different"]),
        (("load", "--values", "0.2,1.5"), ["edge.background.utilisation", "1.5", "0.98"]),
        (("bandwidth", "--values", "1,0"), ["radio.uplink_hz", "0.0", "from 100 to"]),
        (("demand", "--values", "0,1"), ["demand", "0.0", "greater than 0"]),
        (("quota", "--values", "1,2.5"), ["budgets.edge_calls", "2.5", "whole number"]),
        (("weather", "--values", "1"), ["PARAMETER", "'weather'", "device-speed", "dotted"]),
        (("radio.colour", "--values", "1"), ["radio.colour", "carrier_ghz"]),
        (("radio.environment", "--values", "1"), ["radio.environment", "'umi'"]),
        (("workload.mix.0", "--values", "1"), ["workload.mix.0", "1.0"]),
        (("workload.mix.9.share", "--values", "1"), ["workload.mix.9.share", "0 to 2"]),
        (("load", "--values", "0.2", "--router", "best"), ["router", "'best'", "bao-multi"]),
        (("load", "--values", "0.2", "--traces", "recorded"), ["traces", "tiny has none"]),
        (("load", "--values", "0.2", "-s", "nowhere"), ["scenario", "'nowhere'"]),
    ],
)
def test_bad_input_is_one_line_before_any_work(
    changed: tuple[str, ...], named: list[str], edgeroute: Command
) -> None:
    ended = edgeroute("sweep", "-s", "tiny.yaml", *COMMON, *changed)
    assert ended.code == 2
    assert re.fullmatch(r"edgeroute: .+: got .+; allowed: .+\n", ended.err)
    for part in named:
        assert part in ended.err
    assert not Path("out").exists()


# --- what the parameters mean


def test_knobs_change_what_they_say() -> None:
    assert at("load", 0.3).edge.background.utilisation == 0.3
    assert at("auc", 0.9).workload.score_auc == 0.9
    assert at("quota", 20).budgets.edge_calls == 20
    assert at("snr", -3).radio.antenna_gain_db == PAPER.radio.antenna_gain_db - 3
    assert at("demand", 2).workload.dialogue_gap_mean_s == PAPER.workload.dialogue_gap_mean_s / 2
    assert at("edge.switch_s", 1.5).edge.switch_s == 1.5
    assert at("device.speed.decode_tokens_per_s", 9).device.speed.decode_tokens_per_s == 9
    assert at("bandwidth", 1) == at("device-speed", 1) == at("demand", 1) == PAPER
    assert all(overrides_of(PAPER, name, 1.0) for name in KNOBS)
    assert label_of("edge.switch_s") == "edge.switch_s, s"
    with pytest.raises(InputError, match="dotted field"):
        overrides_of(PAPER, "turns", 1.0)


def test_twice_the_bandwidth_halves_the_time_on_the_air() -> None:
    # So much gain that the SNR stays at its cap, whatever noise the bandwidth lets in.
    near = load_scenario(PAPER, {"radio.antenna_gain_db": 300.0, "workload.turns": 5})
    slow, fast = (
        Pinned(Drawn(at("bandwidth", factor, near)), generators([1])).rows for factor in (1.0, 2.0)
    )
    for name in ("up_s_per_byte", "down_s_per_byte"):
        np.testing.assert_allclose(slow[name], 2.0 * fast[name], rtol=1e-6)


def test_a_phone_twice_as_fast_prefills_in_half_the_time() -> None:
    plain = {"name": "plain", "prefill_tokens_per_s": 1000, "decode_tokens_per_s": 20}
    fields = {"device.speed": plain, "device.background_probability": 0.0, "workload.turns": 1}
    still = load_scenario(PAPER, fields)
    parts = []
    for factor in (1.0, 2.0):
        env = EdgeRouteEnv(at("device-speed", factor, still))
        env.reset(seed=1)
        parts.append(env.step(0)[4])
    assert parts[1]["latency_prefill_s"] == pytest.approx(parts[0]["latency_prefill_s"] / 2)
    assert parts[1]["latency_decode_s"] < parts[0]["latency_decode_s"]


@pytest.mark.parametrize(
    ("parameter", "router", "figure", "sign"),
    [
        ("load", "edge", "latency_mean_s", 1),
        ("snr", "edge", "radio_s", -1),
        ("device-speed", "device", "latency_mean_s", -1),
        ("demand", "device", "queue_s", 1),
        ("quota", "edge", "refused", -1),
    ],
)
def test_figures_move_as_physics_says(
    parameter: str, router: str, figure: str, sign: int, edgeroute: Command
) -> None:
    values = {"load": "0.2,0.5,0.8", "snr": "-10,0,10", "quota": "1,2,4"}.get(parameter, "0.5,1,2")
    arguments = ("sweep", parameter, "-s", "tiny.yaml", "--values", values, "--episodes", "40")
    assert edgeroute(*arguments, "--router", router, "--quiet", "--out", "out").code == 0
    means = [row["figures"][figure]["mean"] for row in swept()["rows"]]
    assert sorted(means, key=lambda mean: sign * mean) == means
    assert len(set(means)) == 3
