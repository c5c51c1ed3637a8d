"""What went wrong for real users, a test a case: their files and calls, and others of each kind.

The ids are the cases' names in the issue. More of a kind is tried where the code of its door is
tested: tests/recordings (answers, cells, importers, Mooncake, tables), tests/envs, tests/scenarios.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from gymnasium.error import InvalidAction, ResetNeeded

from edgeroute_env import EdgeRouteEnv, InputError, load_scenario
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.recordings.shapes import SnrRuns
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.traces.recorded import drawn
from tests.helpers.command_line import Command

SHORT = {"workload.turns": 4}


def answered(output: str, gold: str = "# 18") -> str:
    return json.dumps([{"id": "q", "question": "How many?", "answer": gold, "output": [output]}])


GOOD = answered('```json\n{"reasoning": "add", "answer": "18"}\n```')
OUTPUTS = {
    "F1 latex": '```json\n{"reasoning": "so \\(9 \\times 2 = 18\\)", "answer": "18"}\n```',
    "F1 nocomma": '{"reasoning": "r"\n "answer": "18"}',
    "F1 trail": '{"reasoning": "r", "answer": "18"} (a set {1,2})',
    "F1 single quotes": "{'reasoning': 'r', 'answer': '18',}",
    "F1 boxed": "So $\\boxed{\\frac{36}{2}}$.",
}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_a_right_answer_counts(output: str, edgeroute: Command) -> None:
    Path("weak.json").write_text(answered(output))
    Path("strong.json").write_text(GOOD)
    ended = edgeroute("trace", "import", "zeroeval", "weak.json", "strong.json", "--out", "o.csv")
    assert ended.code == 0, ended.err
    assert pd.read_csv("o.csv")["quality_device"].tolist() == [1.0]
    assert "no answer found in 0 of 1 outputs" in ended.out


@pytest.mark.parametrize(
    "gold",
    ["[6, 2, 4]", "B", "[600,200]", "(C) 12", "2\\sqrt{3}"],
    ids=["F1 list_gold", "F1 mmlu_redux", "F1 list", "F1 choice", "F1 root"],
)
def test_a_right_answer_that_is_no_number_is_refused(gold: str, edgeroute: Command) -> None:
    Path("a.json").write_text(answered('{"answer": "6"}', gold))
    ended = edgeroute("trace", "import", "zeroeval", "a.json", "a.json", "--out", "o.csv")
    assert ended.code == 2
    assert "item 0: the right answer" in ended.err
    assert "one single number" in " ".join(ended.err.split())


def request(stamp: float, **more: Any) -> dict[str, Any]:
    lengths = {"input_length": 655, "output_length": 52, "hash_ids": [46, 47]}
    return {"timestamp": stamp, **lengths, **more}


def jsonl(*items: Any) -> str:
    return "".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in items)


def named(field: str) -> str:
    stamps = ((0, "u1"), (10535, "u1"), (27482, "u2"))
    return jsonl(*(request(stamp, **{field: name}) for stamp, name in stamps))


SAID = {"task": "GR", "id": 1, "history": [{"user": "hi there", "bot": "hello"}]}
LOG = "Timestamp,Session ID,Log Type\n{}\n{}\n{}\n"
LOGGED = ("--column", "time_s=Timestamp", "--column", "session=Session ID")
SNR = "run,time_s,snr_db\n0,0,10\n{}\n0,2,9\n"
SHARED: dict[str, tuple[str, str, tuple[str, ...], dict[str, list[Any]], str]] = {
    # name: (format, the file, options, columns of the table, what is printed)
    "F4 mooncake_session_id": ("mooncake", named("session_id"), (), {"session": [0, 0, 1]}, ""),
    "F4 sessionId": ("mooncake", named("sessionId"), (), {"session": [0, 0, 1]}, ""),
    "F4 conversation": ("mooncake", named("conversation"), (), {"session": [0, 0, 1]}, ""),
    "F4 bailian_long told": (
        *("mooncake", jsonl(request(1.5, input_length=40, hash_ids=[1, 2, 3]))),
        *(("--time-unit", "s", "--block-tokens", "16"), {"time_s": [1.5]}, "times in s"),
    ),
    "F6 arrivals_uuid_sessions": (
        *("arrivals", LOG.format("100.0,aa-01,c", "130.0,aa-02,c", "190.0,aa-01,c"), LOGGED),
        *({"time_s": [100.0, 130.0, 190.0], "session": [0, 1, 0]}, ""),
    ),
    "F6 large numbers": (
        *("arrivals", LOG.format("1,9000000000000,c", "2,7,c", "3,9000000000000,c"), LOGGED),
        *({"session": [0, 1, 0]}, ""),
    ),
    "F6 e-mails": (
        *("arrivals", LOG.format("1,a@b.org,c", "2,7,c", "3, a@b.org ,c"), LOGGED),
        *({"session": [0, 1, 0]}, ""),
    ),
    **{
        f"F7 arrivals_blank_session {name}": (
            *("arrivals", LOG.format("100.0,1,c", f"130.0,{cell},a", "190.0,1,c")),
            *((*LOGGED, *options), {"session": [1, 1]}, told),
        )
        for name, cell, options, told in (
            ("dropped", "", ("--drop-unusable",), "left out 1 of 3 rows"),
            ("of spaces", "  ", ("--drop-unusable",), "left out 1 of 3 rows"),
            ("not chosen", "", ("--where", "Log Type=c"), "2 rows"),
        )
    },
    **{
        f"F7 snr {row}": (
            *("snr", SNR.format(row), ("--drop-unusable",)),
            *({"snr_db": [10.0, 9.0]}, "left out 1 of 3 rows"),
        )
        for row in (",,", "0,1,-", "0,1,n/a", "0,1,inf")
    },
    **{
        f"F8 routellm {name}": (
            *("routellm", f"{head}\n{first}\n{second}\n", ()),
            *({"quality_device": [0.0, 1.0], "quality_edge": [1.0, 1.0]}, ""),
        )
        for name, head, first, second in (
            ("0_1", "prompt,small,big", '"What is two, and two?",0,1', "Name a prime.,1,1"),
            ("index_column", ",prompt,small,big", "0,Two?,False,True", "1,Prime?,True,True"),
            ("index twice", "Unnamed: 0,,prompt,a,b", "0,0,Two?,0,1", "1,1,Prime?,1,1"),
            ("1.0", "prompt,small,big", "Two?,0.0, TRUE", "Prime?,1.0,true"),
        )
    },
    "F10 mooncake_blank_line": ("mooncake", jsonl(request(0), "", ""), (), {"session": [0]}, ""),
    "F10 mtbench101_blank_line": ("mtbench101", jsonl(SAID, "   ", SAID), (), {"turn": [1, 1]}, ""),
    "F10 BOM and CRLF": ("snr", "\ufeff" + SNR.replace("\n", "\r\n").format(""), (), {}, "2 rows"),
    "F11 arrivals_seven_digits": (
        *("arrivals", "TIMESTAMP\n2023-11-16 18:15:46.6805900\n2023-11-16 18:15:50.9951690\n"),
        *(("--column", "time_s=TIMESTAMP"), {"time_s": [0.0, 4.314579]}, ""),
    ),
}


@pytest.mark.parametrize("case", SHARED)
def test_a_file_is_read_as_it_is_meant(case: str, edgeroute: Command) -> None:
    kind, text, options, columns, told = SHARED[case]
    Path("mine").with_suffix(".jsonl" if text.startswith("{") else ".csv").write_text(text)
    (path,) = Path().glob("mine.*")
    ended = edgeroute("trace", "import", kind, str(path), *options, "--out", "o.parquet")
    assert ended.code == 0, ended.err
    table = pd.read_parquet("o.parquet")
    assert {name: table[name].tolist() for name in columns} == columns
    assert told in " ".join(ended.out.split())


REFUSED = {
    # name: (format, the file, words of the error)
    "F4 bailian_long": ("mooncake", jsonl(request(1.5)), ["1.5", "--time-unit", "--block-tokens"]),
    "F4 whole seconds": ("mooncake", jsonl(request(0), request(9)), ["--time-unit s"]),
    "F4 other blocks": ("mooncake", jsonl(request(0, hash_ids=[*range(41)])), ["--block-tokens"]),
    "F7 snr_dash": ("snr", SNR.format("0,1,-"), ["snr_db, row 1", "'-'", "--drop-unusable"]),
    "F7 blank_row": ("snr", SNR.format(",,"), ["run, row 1", "empty cell", "--drop-unusable"]),
    "F8 yes": ("routellm", "prompt,a,b\nq,yes,no\n", ["'yes'", "true or false"]),
    "F11 dialogues_interleaved": (
        "dialogues",
        "task,dialogue,turn,prompt_tokens,answer_tokens\nc,a,1,1,2\nc,b,1,1,5\nc,a,2,9,7\n",
        ["row 2", "'a'", "sort the table"],
    ),
    "F11 runs_interleaved": ("snr", SNR.format("b,1,5"), ["row 2", "'0'", "sort the table"]),
    "F11 decimal comma": ("arrivals", 'time_s\n"1,50"\n', ["row 0", "'1,50'"]),
    "F11 durations as texts": ("arrivals", "time_s\n0 days 00:00:01\n", ["'0 days 00:00:01'"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_used_says_why(case: str, edgeroute: Command) -> None:
    kind, text, words = REFUSED[case]
    Path("mine.csv").write_text(text)
    ended = edgeroute("trace", "import", kind, "mine.csv", "--out", "o.csv")
    assert ended.code == 2
    assert [word for word in words if word not in " ".join(ended.err.split())] == []


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["timedelta64", "datetime64", "datetime64 of Tokyo"])
def test_times_of_pandas_become_seconds(kind: str, unit: str, edgeroute: Command) -> None:
    """F3 arrivals_timedelta_ns."""
    times = pd.Series(pd.to_timedelta([0.0, 1.5, 7.0], unit="s"))
    if kind != "timedelta64":
        times = times + pd.Timestamp("2023-11-16 18:15:46")
    times = times.astype(f"{kind.split()[0]}[{unit}]")
    times = times.dt.tz_localize("Asia/Tokyo") if "Tokyo" in kind else times
    pd.DataFrame({"time_s": times}).to_parquet("mine.parquet")
    assert edgeroute("trace", "import", "arrivals", "mine.parquet", "--out", "o.csv").code == 0
    assert pd.read_csv("o.csv")["time_s"].tolist() == [0.0, 1.5, 7.0]


@pytest.mark.parametrize("run", ["3", "'3'", "3.0"], ids=lambda run: f"F11 where_number {run}")
def test_a_scenario_chooses_rows_by_a_number(run: str, edgeroute: Command) -> None:
    table = f"{{file: mine.csv, where: {{run: {run}}}}}"
    text = f"extends: paper\nname: w\ndescription: x\nradio: {{snr_runs: {table}}}\n"
    Path("w.yaml").write_text(text)
    table_of_runs = load_scenario("w.yaml").radio.snr_runs
    assert table_of_runs is not None
    Path("mine.csv").write_text("run,time_s,snr_db\n1,0,5\n3,0,6\n3,1,7\n")
    runs = read_recording(SnrRuns, "mine.csv", where=table_of_runs.where)
    assert runs.snr_db.tolist() == [6.0, 7.0]


# --- env/


class Fixed:
    """A router that always answers the same."""

    name = "fixed"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def reset(self, n: int) -> None:
        """Do nothing."""

    def route(self, observations: Any) -> Any:
        """Return the answer."""
        return self.answer


def sb3_vec_env() -> Any:
    module = pytest.importorskip("edgeroute_agents.vec_env", exc_type=ImportError)
    return module.EdgeRouteSB3VecEnv(2, load_scenario("paper", SHORT))


WRONG: list[Any] = [0.7, 2, None, [0], [0, 1, 0], [[0], [1]], [0.7, 0], [2, 0], [-1, 0], [0, 1.0]]
WRONG += [[np.nan, 0], ["0", "1"], [0, None], np.ma.array([0, 1], mask=[True, False])]


@pytest.mark.parametrize("answer", WRONG, ids=repr)
def test_a_wrong_answer_of_a_router_is_refused_everywhere(answer: Any) -> None:
    scenario = load_scenario("paper", SHORT)
    with pytest.raises(InvalidAction, match=r"^actions"):
        run_episodes(Fixed(answer), scenario, drawn(scenario, "synthetic"), [0, 1])
    env = sb3_vec_env()
    env.reset()
    with pytest.raises(InvalidAction, match=r"^actions"):
        env.step(answer)


def test_sb3_native_vec() -> None:
    env = sb3_vec_env()
    for options in ({"trace": None}, [{"trace": None}, {}], [{}, {}], "trace"):
        with pytest.raises(InputError, match=r"^options: got .*`traces`"):
            env.set_options(options)
    for seed in (True, "7", [1], 1.5, -1):
        with pytest.raises(InputError, match=r"^seed"):
            env.seed(seed)
    env.seed(0)
    env.reset()
    infos = env.step(np.zeros(2, int))[3]
    infos[0]["mine"] = 1
    assert "mine" not in infos[1]


@pytest.mark.training
def test_sb3_string_id() -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    learner = sb3.PPO("MlpPolicy", "EdgeRoute-v0", n_steps=32, batch_size=32, device="cpu")
    assert learner.learn(32).num_timesteps == 32


@pytest.mark.parametrize("name", ["traces", "Trace", "trace ", "reset_masks", "seed"])
def test_reset_options_typo(name: str) -> None:
    with pytest.raises(InputError, match=f"options: got '{name}'; allowed: only 'trace'"):
        gym.make("EdgeRoute-v0").reset(seed=0, options={name: None})


def test_trace_before_reset() -> None:
    for env in (gym.make("EdgeRoute-v0").unwrapped, EdgeRouteEnv("mmlu"), EdgeRouteEnv("quota")):
        with pytest.raises(ResetNeeded, match=r"call reset\(\) first"):
            _ = env.trace
