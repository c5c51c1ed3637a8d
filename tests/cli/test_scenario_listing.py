"""`edgeroute scenarios NAME` shows every value once, with its unit, mark, source and file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from edgeroute_env import load_scenario, scenario_names
from edgeroute_env.config_files import config_path, read_yaml
from edgeroute_env.provenance import Row, provenance, unit_of
from edgeroute_env.users import Law
from tests.helpers.command_line import Command

# What the scenario is, rather than a claim about the world; a zero switches something off.
STRUCTURE = {"count", "share", "tensor_parallel", "turns"}
PAPER = {row.field: row for row in provenance("paper")}
each_preset = pytest.mark.parametrize("name", scenario_names())


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a scenario that holds no others, with its dotted name."""
    if isinstance(value, Law):  # the laws that this one is not are no values
        value = {name: given for name, given in value if given is not None}
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, tuple) and value:
        value = dict(enumerate(value))
    if not isinstance(value, Mapping) or not value:
        yield path, value
        return
    for key, item in value.items():
        yield from leaves(item, f"{path}.{key}" if path else str(key))


def unmarked(rows: list[Row]) -> list[str]:
    """Return the fields whose numbers come from a file and carry no mark."""
    return [
        row.field
        for row in rows
        if isinstance(row.value, int | float) and not isinstance(row.value, bool)
        if row.file and row.value != 0 and not row.mark
        if not STRUCTURE & set(row.field.split(".")[-2:])
    ]


def write(name: str, text: str) -> dict[str, Row]:
    Path(name).write_text(f"extends: paper\nname: mine\ndescription: mine\n{text}")
    return {row.field: row for row in provenance(name)}


@each_preset
def test_every_value_appears_once(name: str) -> None:
    rows = provenance(name)
    assert {row.field: row.value for row in rows} == dict(leaves(load_scenario(name)))
    assert len({row.field for row in rows}) == len(rows)


@each_preset
def test_every_number_of_a_preset_carries_a_mark(name: str) -> None:
    assert unmarked(provenance(name)) == []


def test_a_number_without_a_mark_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = write("mine.yaml", "radio:\n  uplink_hz: 1e6  # mine\n  downlink_hz: 2e6  # [A]\n")
    assert unmarked(list(rows.values())) == ["radio.uplink_hz"]
    assert len(PAPER) > 100
    assert {"M", "D", "A"} <= {row.mark for row in PAPER.values()}


@each_preset
def test_values_name_the_file_that_holds_them(name: str) -> None:
    rows = {row.field: row for row in provenance(name)}
    for row in rows.values():
        assert (row.source == "default") == (row.file == "")
        if row.file:
            assert config_path(*row.file.split("/")).is_file()
        if row.file == "scenarios/paper.yaml":
            assert row == PAPER[row.field]
    assert rows["name"].file == f"scenarios/{name}.yaml"
    assert rows["radio.ut_height_m"].file == "scenarios/paper.yaml"  # no preset changes it
    own = read_yaml(config_path("scenarios", f"{name}.yaml"))
    for part in ("radio", "budgets", "weights"):
        for field, value in own.get(part, {}).items():
            if not isinstance(value, Mapping):
                row = rows[f"{part}.{field}"]
                assert (row.value, row.file) == (value, f"scenarios/{name}.yaml")


def test_lines_groups_and_files_lend_their_comments() -> None:
    def shown(field: str) -> tuple[str, str, str]:
        return PAPER[field].mark, PAPER[field].source, PAPER[field].file.partition("/")[0]

    assert shown("edge.max_sequences") == (
        "A",
        "vLLM's max_num_seqs as the operator sets it",
        "scenarios",
    )
    heat = PAPER["device.heat.throttle_start"].source
    assert heat.startswith("matched by hand to arXiv 2603.23640")
    assert shown("device.heat.throttle_width") == ("D", heat, "scenarios")
    assert shown("device.heat.cooling_s") == ("A", "", "scenarios")  # a line's own mark is all
    assert shown("weights.quality")[:2] == ("A", "the unit")
    assert shown("weights.latency_per_s")[:2] == ("D", "17 s are worth a right answer")
    speed = "arXiv 2603.23640: cold 40.4, warm 25.3, hot 22.6"
    assert shown("device.speed.decode_tokens_per_s") == ("M", speed, "catalog")
    assert PAPER["device.speed.name"].file == "scenarios/paper.yaml"
    assert shown("edge.model.layers")[2] == "catalog"
    assert "published configurations" in shown("edge.model.layers")[1]
    prompt = "workload.mix.0.benchmark.prompt.mu"
    assert shown(prompt) == ("D", "question and options, cl100k_base", "benchmarks")
    assert shown("workload.mix.2.share")[1] == "stands in for the Qwen2.5 pair"
    assert shown("budgets.battery_j") == ("", "default", "")


def test_files_of_ones_own_may_lay_fields_out_as_they_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = write(
        "mine.yaml",
        'device:\n  speed: {name: "a # b", prefill_tokens_per_s: 100,\n'
        "    decode_tokens_per_s: 10}  # [M] my own phone\n"
        "workload:\n  attachment: &none  # [A] none\n    probability: 0.5\n"
        "    size_bytes: 7  # a # b\n"
        "  mix:\n    - benchmark: gsm8k-qwen1.5b-qwen72b  # [A] one\n      share: 2\n"
        "edge:\n  gpu: h100-80g\n",
    )
    assert (rows["device.speed.name"].value, rows["device.speed.name"].mark) == ("a # b", "M")
    assert rows["device.speed.prefill_tokens_per_s"].source == "my own phone"
    assert rows["workload.attachment.probability"].source == "none"
    size = rows["workload.attachment.size_bytes"]
    assert (size.mark, size.source, size.file) == ("A", "a # b", "mine.yaml")
    assert "workload.mix.1.share" not in rows  # a list replaces the preset's
    assert rows["workload.mix.0.benchmark.name"].source == "one"
    assert rows["workload.mix.0.share"].mark == ""  # a comment is its own line's
    assert rows["edge.gpu.name"].file == "mine.yaml"
    assert rows["edge.gpu.peak_tflops"].file == "catalog/gpus.yaml"
    assert rows["edge.gpu.peak_tflops"].value == 989


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("edge.switch_s", "s"),
        ("radio.uplink_hz", "Hz"),
        ("radio.carrier_ghz", "GHz"),
        ("radio.transmit_dbm", "dBm"),
        ("radio.noise_figure_db", "dB"),
        ("radio.speed_m_per_s", "m/s"),
        ("radio.bytes_per_token", "B/token"),
        ("radio.request_bytes", "B"),
        ("device.energy.decode_j_per_token", "J/token"),
        ("device.energy.transmit_w_per_mbit_per_s", "W/(Mbit/s)"),
        ("device.kv_bandwidth_bytes_per_s", "B/s"),
        ("edge.background.context_tokens", "tokens"),
        ("edge.background.uncached_tokens_per_s", "tokens/s"),
        ("edge.gpu.memory_gib", "GiB"),
        ("weights.latency_per_s", "1/s"),
        ("edge.max_sequences", ""),
        ("users.0.rates_per_s.1", "1/s"),
        ("workload.mix.0.benchmark.tasks.AR.turns.3", ""),
    ],
)
def test_units_stand_in_the_names(field: str, unit: str) -> None:
    assert unit_of(field) == unit


@each_preset
def test_a_preset_is_printed_with_nothing_cut_off(name: str, edgeroute: Command) -> None:
    ended = edgeroute("scenarios", name)
    assert ended.code == 0
    assert "…" not in ended.out
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in ended.out.splitlines()]
    shown = {cells[0]: cells for cells in lines if cells and cells[0]}
    description = load_scenario(name).description
    assert " ".join(ended.out.split()).startswith(description)
    rows = provenance(name)
    assert set(shown) == {row.field for row in rows}
    for row in rows:
        _, value, unit, mark, source, file = shown[row.field]
        assert (unit, mark, file) == (row.unit, f"[{row.mark}]" if row.mark else "", row.file)
        assert row.source.startswith(source) or source == "as above"
        if isinstance(row.value, float):
            assert float(value) == row.value
        elif isinstance(row.value, str):
            assert row.value.startswith(value)


def test_a_file_is_printed_by_its_path(edgeroute: Command) -> None:
    ended = edgeroute("scenarios", "tiny.yaml")
    assert ended.code == 0
    turns = next(line for line in ended.out.splitlines() if "workload.turns" in line)
    assert [cell.strip() for cell in turns.split("│")[1:-1]][1::4] == ["6", "tiny.yaml"]
    assert "scenarios/paper.yaml" in ended.out
