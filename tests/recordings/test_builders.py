"""The presets' tables are built from the published files; small ones are made here."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from edgeroute_env.errors import InputError
from edgeroute_env.recordings import builders, downloads, tokens
from edgeroute_env.recordings.builders import BUILDERS, build_table
from edgeroute_env.recordings.downloads import recorded_columns, recorded_tables
from edgeroute_env.scenario_files import load_scenario, scenario_names
from edgeroute_env.tables_io import column_sha256, read_frame
from edgeroute_env.traces.recorded import recorded_files

MODELS = "prompt,mistralai/Mixtral-8x7B-Instruct-v0.1,gpt-4-1106-preview\n"


def one_a_word(text: str) -> int:
    return len(text.split())


def put(folder: Path, path: str, text: str) -> tuple[str, Path]:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return path, place


def test_every_preset_names_tables_that_can_be_built() -> None:
    named = {file for name in scenario_names() for file in recorded_files(load_scenario(name))}
    assert named == set(recorded_tables().values())
    assert set(recorded_tables()) == set(BUILDERS)
    assert set(BUILDERS) <= set(downloads.datasets())


@pytest.mark.parametrize("dataset", BUILDERS)
def test_the_catalogue_knows_the_tables_of_the_data_folder(dataset: str) -> None:
    path = downloads.data_folder() / recorded_tables()[dataset]
    if not path.is_file():
        pytest.skip(f"no {path.name} in the data folder")
    frame = read_frame(path)
    assert {name: column_sha256(frame[name]) for name in frame} == recorded_columns()[dataset]


def test_mmlu_joins_two_sources_by_row(tmp_path: Path) -> None:
    prompt = '"{}\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:",{},{}\n'
    history = "This refers to the following.\nAs with a commander"
    asked = (
        MODELS + prompt.format("Which is one?", True, False) + prompt.format(history, True, True)
    )
    own = '0,1,2,3,4,5,correct\n"{}",1,2,3,4,A,{}\n"{}",1,2,3,4,A,True\n'
    files = dict(
        [
            put(tmp_path, "routellm/evals/mmlu/responses/mmlu_law.csv", asked),
            put(tmp_path, "results-4/law.csv", own.format("Which is one?", False, history)),
            put(tmp_path, "results/law.csv", own.format("Which is one?", True, history)),
        ]
    )
    frame = builders.build_mmlu(files, one_a_word)
    assert frame.to_dict("records") == [
        {
            "subject": "law",
            "prompt": "Which is one?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:",
            "prompt_tok": 12,
            "ok:mistral-7b-v0.1-4bit": 0,
            "ok:mistral-7b-v0.1-fp16": 1,
            "ok:mixtral-8x7b-instruct": 1,
            "ok:gpt-4-1106": 0,
        }
    ]


def test_gsm8k_takes_a_models_last_answer(tmp_path: Path) -> None:
    outputs = ['{"answer": "18"}', '{"answer": "7"} No: {"answer": "18"}', 'Answer: "18"', "none"]
    items = [{"question": "How many?", "answer": "# 18", "output": [text]} for text in outputs]
    path, local = put(tmp_path, "result_dirs/gsm/tiny.json", json.dumps(items * 250))
    frame = builders.build_gsm8k({path: local}, one_a_word)
    assert frame["ok:tiny"].tolist() == [1, 1, 1, 0] * 250
    assert frame["tok:tiny"].tolist()[:4] == [2, 5, 2, 1]
    assert frame["idx"].tolist() == list(range(1000))


def test_mtbench101_counts_every_turn(tmp_path: Path) -> None:
    said = [{"user": "a b", "bot": "c"}, {"user": "d", "bot": "e f g"}]
    path, local = put(tmp_path, "m.jsonl", json.dumps({"task": "GR", "id": 4, "history": said}))
    frame = builders.build_mtbench101({path: local}, one_a_word)
    assert frame.to_numpy().tolist() == [["GR", 4, 1, 2, 1], ["GR", 4, 2, 1, 3]]


def test_azure_counts_from_its_first_request(tmp_path: Path) -> None:
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59.7500000,374,44\n"
        "2023-11-17 00:00:00.0000999,396,109\n"
    )
    path, local = put(tmp_path, "azure.csv", text)
    frame = builders.build_azure({path: local}, one_a_word)
    assert frame.to_numpy().tolist() == [[0.0, 374.0, 44.0], [0.2501, 396.0, 109.0]]


def test_mooncake_tells_sessions_and_cached_blocks(tmp_path: Path) -> None:
    requests = [(0, 1300, [0, 1, 2]), (1000, 600, [0, 7]), (27_000, 1700, [0, 1, 3, 4])]
    lines = [
        json.dumps({"timestamp": t, "input_length": n, "output_length": 9, "hash_ids": blocks})
        for t, n, blocks in requests
    ]
    path, local = put(tmp_path, "m.jsonl", "\n".join(lines))
    frame = builders.build_mooncake({path: local}, one_a_word)
    assert frame["session"].tolist() == [0, 1, 0]
    assert frame["turn"].tolist() == [1, 1, 2]
    assert frame["gap_s"].tolist()[2] == 27.0
    assert frame["hit_blocks"].tolist() == [0, 1, 2]
    assert frame["new_tok"].tolist() == [1300, 600, 1700 - 1300 - 9]


def test_irish5g_averages_seconds_and_leaves_gaps(tmp_path: Path) -> None:
    head = "Timestamp,Speed,NetworkMode,RSRP,SNR,CQI,DL_bitrate,UL_bitrate,PINGAVG\n"
    rows = [
        "2019.12.16_23.59.58,0,5G,-90,1.0,15,10,1,-",
        "2019.12.16_23.59.58,1,LTE,-91,4.0,14,20,2,70",
        "2019.12.16_23.59.59,1,5G,-91,-,14,20,2,-",
        "2019.12.17_00.00.00,1,5G,-91,-3.5,14,20,2,-",
    ]
    path = tmp_path / "5g.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("5G/Netflix/Driving/show/B_2.csv", head + "\n".join(rows))
        archive.writestr("5G/Download/Static/B_1.csv", head + rows[0])
        archive.writestr("__MACOSX/5G/Download/Static/._B_1.csv", "junk")
    frame = builders.build_irish5g({"5g.zip": path}, one_a_word)
    assert frame["run"].tolist() == [0, 1, 1]
    assert frame["mobility"].tolist() == ["static", "driving", "driving"]
    assert frame["app"].tolist() == ["download", "netflix", "netflix"]
    assert frame["t_s"].tolist() == [0.0, 0.0, 2.0]
    assert frame["snr_db"].tolist() == [1.0, 2.5, -3.5]
    assert frame["mode"].tolist() == ["5G", "5G", "5G"]


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., Any]:
    text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59,374,44\n"
    path, local = put(tmp_path, "azure.csv", text)
    return lambda **more: build_table("azure", {path: local}, tmp_path, **more)


def test_a_table_that_differs_is_said_to(built: Callable[..., Any], tmp_path: Path) -> None:
    result = built()
    assert result.path == tmp_path / "azure2023_conv.csv.gz"
    assert (result.rows, result.differs) == (1, ("t_s", "in_tok", "out_tok"))
    with pytest.raises(InputError, match="overwrite"):
        built()
    assert built(overwrite=True).rows == 1


def test_a_table_that_is_right_stays(built: Callable[..., Any], tmp_path: Path) -> None:
    source = downloads.data_folder() / "azure2023_conv.csv.gz"
    if not source.is_file():
        pytest.skip(f"no {source.name} in the data folder")
    shutil.copyfile(source, tmp_path / source.name)
    before = (tmp_path / source.name).stat().st_mtime_ns
    result = built()
    assert (result.rows, result.differs) == (19366, ())
    assert (tmp_path / source.name).stat().st_mtime_ns == before


def test_the_command_downloads_and_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from edgeroute_env.cli.data import app

    text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59,374,44\n"
    put(tmp_path, "mirror/o/r/0f/azure.csv", text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    head = "dataset,repository,commit,path,bytes,sha256,licence,format\n"
    row = f"azure,o/r,0f,azure.csv,{len(text)},{digest},MIT,csv\n"
    due = {"t_s": [0.0], "in_tok": [374], "out_tok": [44]}
    hashes = [f"azure,azure.csv.gz,{name},{column_sha256(pd.Series(v))}" for name, v in due.items()]
    put(tmp_path, "catalog/published_files.csv", head + row)
    put(
        tmp_path,
        "catalog/recorded_tables.csv",
        "dataset,table,column,sha256\n" + "\n".join(hashes),
    )
    monkeypatch.setattr(downloads, "config_path", tmp_path.joinpath)
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path / "data"))
    command = ["get", "azure", "--base-url", str(tmp_path / "mirror"), "--quiet"]
    for _ in range(2):  # a second call finds all in place
        ended = CliRunner().invoke(app, command)
        assert ended.exit_code == 0, ended.output
        assert "azure.csv.gz: 1 rows, as the presets were fitted on" in ended.output
    assert read_frame(downloads.data_file("azure.csv.gz")).to_dict("list") == due
    listed = CliRunner().invoke(app, ["list"]).output
    assert "1/1" in listed
    assert "yes" in listed


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "TIMESTAMP,ContextTokens\nsoon,1\n"])
def test_files_of_another_kind_are_one_error(text: str, tmp_path: Path) -> None:
    path, local = put(tmp_path, "azure.csv", text)
    with pytest.raises(InputError, match="files of azure"):
        build_table("azure", {path: local}, tmp_path)
    with pytest.raises(InputError, match="one of mmlu"):
        build_table("weather", {}, tmp_path)


def test_lengths_are_exact_where_a_tokenizer_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    words = SimpleNamespace(encode_ordinary=str.split)
    fake = SimpleNamespace(get_encoding=lambda name: words)
    monkeypatch.setattr(tokens.importlib, "import_module", lambda name: fake)
    count, estimated = tokens.token_counter()
    assert (count("one two three"), count(""), estimated) == (3, 1, None)

    def unreachable(name: str) -> None:
        raise OSError("no network")

    fake.get_encoding = unreachable
    count, estimated = tokens.token_counter()
    assert count is tokens.count_tokens
    assert estimated is not None
    assert "no network" in estimated
