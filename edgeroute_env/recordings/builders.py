"""From the published files to the tables that the presets name, rebuilt value for value.

    mmlu        mmlu_outcomes.parquet              RouteLLM's outcomes beside Mistral-7B's
    gsm8k       gsm8k_outcomes.parquet             ZeroEval's answers of seven models
    mtbench101  mtbench101_turn_lengths.csv.gz     lengths of MT-Bench-101's turns
    azure       azure2023_conv.csv.gz              Azure's conversation trace
    mooncake    mooncake_conversation.csv.gz       Mooncake's conversation trace
    irish5g     irish5g_snr.csv.gz                 Irish 5G drives and walks, once a second

`recorded_tables.csv` in the catalogue holds each column's SHA-256; `build_table` says which columns
differ. Lengths are cl100k_base tokens where tiktoken is at hand, else estimates.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgeroute_env.errors import InputError
from edgeroute_env.files import refuse_overwrite
from edgeroute_env.recordings.answers import first_number
from edgeroute_env.recordings.downloads import recorded_columns, recorded_tables
from edgeroute_env.recordings.mooncake import mooncake_requests
from edgeroute_env.recordings.sessions import cached_blocks, session_of_requests
from edgeroute_env.recordings.tokens import CountTokens, token_counter
from edgeroute_env.tables_io import column_sha256, read_frame, write_frame

if TYPE_CHECKING:
    import pandas as pd

Files = Mapping[str, Path]  # by the path within the repository

GSM8K_QUESTIONS = 1000  # of the 1,319 test questions; the others are kept for checks


def build_mmlu(files: Files, count: CountTokens) -> pd.DataFrame:
    """Return who answered MMLU's questions right, the subjects in alphabetical order.

    Row k of a subject's three files is the same question. The table that the presets were fitted
    on told them apart by what stands before the first option, found by a pattern that also fits a
    line such as "As ..."; 22 questions that have one near their beginning are left out here too.
    """
    import pandas as pd

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(files[name], keep_default_na=False)

    parts: list[pd.DataFrame] = []
    for path in sorted(name for name in files if "/mmlu_" in name):
        subject = Path(path).stem.removeprefix("mmlu_")
        routed = read(path)
        question = read(f"results-4/{subject}.csv")
        part = pd.DataFrame({"subject": subject, "prompt": routed["prompt"].astype(str)})
        part["prompt_tok"] = [count(text) for text in part["prompt"]]
        for name, right in (
            ("mistral-7b-v0.1-4bit", question["correct"]),
            ("mistral-7b-v0.1-fp16", read(f"results/{subject}.csv")["correct"]),
            ("mixtral-8x7b-instruct", routed["mistralai/Mixtral-8x7B-Instruct-v0.1"]),
            ("gpt-4-1106", routed["gpt-4-1106-preview"]),
        ):
            part[f"ok:{name}"] = right.astype(np.int8)
        starts = [re.split("\nA. ", text)[0][:60] for text in part["prompt"]]
        own = [str(text)[:60] for text in question.iloc[:, 0]]
        parts.append(part.loc[np.array(own) == np.array(starts)])
    return pd.concat(parts, ignore_index=True)


def build_gsm8k(files: Files, count: CountTokens) -> pd.DataFrame:
    """Return how seven models answered GSM8K's first questions, and in how many tokens."""
    import pandas as pd

    frame = pd.DataFrame({"idx": np.arange(GSM8K_QUESTIONS)})
    for path, local in files.items():
        items = json.loads(local.read_text(encoding="utf-8"))[:GSM8K_QUESTIONS]
        if "question" not in frame:
            frame["question"] = [item["question"] for item in items]
            frame["prompt_tok"] = [count(text) for text in frame["question"]]
        outputs = [item["output"][0] for item in items]
        answers = [_last_answer(output) for output in outputs]
        golds = [first_number(item["answer"]) for item in items]
        right = [first_number(given) == gold for given, gold in zip(answers, golds, strict=True)]
        frame[f"ok:{Path(path).stem}"] = np.array(right, np.int8)
        frame[f"tok:{Path(path).stem}"] = np.array([count(text) for text in outputs], np.int32)
    return frame


def _last_answer(output: str) -> str:
    """Return the last answer in an output: a model may correct itself.

    This is the rule of the table that the presets were fitted on. It differs from the importer's
    (and the publisher's), which take the first, in 21 of its 7,000 outcomes.
    """
    with suppress(ValueError, KeyError):
        last = output[output.rindex("{") : output.rindex("}") + 1]
        return str(json.loads(last, strict=False)["answer"])
    found = re.findall(r'"?answer"?\s*:\s*"?([^"\n]*)', output, re.IGNORECASE)
    return str(found[-1]) if found else ""


def build_mtbench101(files: Files, count: CountTokens) -> pd.DataFrame:
    """Return the lengths of MT-Bench-101's turns."""
    import pandas as pd

    (path,) = files.values()
    rows = [
        (item["task"], item["id"], turn, count(said["user"]), count(said["bot"]))
        for item in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        for turn, said in enumerate(item["history"], 1)
    ]
    return pd.DataFrame(rows, columns=["task", "id", "turn", "user_tok", "bot_tok"])


def build_azure(files: Files, count: CountTokens) -> pd.DataFrame:
    """Return when Azure's requests came, in seconds from the first, and their lengths."""
    import pandas as pd

    (path,) = files.values()
    log = pd.read_csv(path)
    time = pd.to_datetime(log["TIMESTAMP"])
    return pd.DataFrame(
        {
            "t_s": (time - time.iloc[0]).dt.total_seconds().round(4),
            "in_tok": log["ContextTokens"],
            "out_tok": log["GeneratedTokens"],
        }
    )


def build_mooncake(files: Files, count: CountTokens) -> pd.DataFrame:
    """Return Mooncake's requests with their sessions and the prefix blocks that were cached."""
    import pandas as pd

    (path,) = files.values()
    requests = mooncake_requests(path)
    known: set[int] = set()
    hits = []
    for request in requests:
        hits.append(cached_blocks(request, known))
        known.update(request.blocks)
    frame = pd.DataFrame(
        {
            "t_s": [request.time_s for request in requests],
            "session": session_of_requests(requests),
            "in_tok": [request.input_tokens for request in requests],
            "out_tok": [request.output_tokens for request in requests],
            "blocks": [len(request.blocks) for request in requests],
            "hit_blocks": hits,
        }
    )
    sessions = frame.groupby("session")
    frame.insert(2, "turn", sessions.cumcount() + 1)
    frame.insert(3, "gap_s", sessions["t_s"].diff().round(3))
    before = (sessions["in_tok"].shift() + sessions["out_tok"].shift()).fillna(0)
    frame["new_tok"] = (frame["in_tok"] - before).astype(np.int64)
    return frame


def build_irish5g(files: Files, count: CountTokens) -> pd.DataFrame:
    """Return the radio's measurements, a row a second, of one file after another.

    A second's samples are averaged; a second without an SNR is left out.
    """
    import pandas as pd

    (path,) = files.values()
    means = {
        **{"speed_kmh": "Speed", "rsrp_dbm": "RSRP", "snr_db": "SNR", "cqi": "CQI"},
        **{"dl_kbps": "DL_bitrate", "ul_kbps": "UL_bitrate", "ping_ms": "PINGAVG"},
    }
    order = ["run", "mobility", "app", "t_s", "speed_kmh", "mode", *list(means)[1:]]
    parts = []
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".csv"))
        for run, name in enumerate(name for name in names if not name.startswith("__MACOSX")):
            _, app, mobility, *_ = name.lower().split("/")
            with archive.open(name) as file:
                log = pd.read_csv(file, na_values="-")
            time = pd.to_datetime(log["Timestamp"], format="%Y.%m.%d_%H.%M.%S")
            log["t_s"] = (time - time.iloc[0]).dt.total_seconds()
            seconds = log.groupby("t_s")
            part = seconds[list(means.values())].mean().round(2)
            part.columns = pd.Index(means)
            part["mode"] = seconds["NetworkMode"].first()
            part = part.reset_index().assign(run=run, mobility=mobility, app=app)
            parts.append(part[part["snr_db"].notna()])
    return pd.concat(parts, ignore_index=True)[order]


BUILDERS: Mapping[str, Callable[[Files, CountTokens], pd.DataFrame]] = {
    "mmlu": build_mmlu,
    "gsm8k": build_gsm8k,
    "mtbench101": build_mtbench101,
    "azure": build_azure,
    "mooncake": build_mooncake,
    "irish5g": build_irish5g,
}


class Built(NamedTuple):
    """A table that was built, and the columns that differ from the one the presets are fitted on.

    estimated: why lengths are estimates, where the table holds any.
    """

    path: Path
    rows: int
    differs: tuple[str, ...]
    estimated: str | None


def build_table(dataset: str, files: Files, folder: str | Path, overwrite: bool = False) -> Built:
    """Build a dataset's table from its downloaded files, beside them in `folder`.

    A table that is there with the right content stays as it is. InputError for a dataset without
    a table, files that are not what they should be, and another file of the table's name (unless
    `overwrite`).
    """
    if dataset not in BUILDERS:
        raise InputError("dataset", dataset, "one of " + ", ".join(BUILDERS))
    path = Path(folder) / recorded_tables()[dataset]
    if path.is_file() and not _differing(dataset, path):
        return Built(path, len(read_frame(path)), (), None)
    refuse_overwrite(path, overwrite)
    count, estimated = token_counter()
    try:
        frame = BUILDERS[dataset](files, count)
    except (LookupError, ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise InputError(f"files of {dataset}", reason, "the published files") from None
    write_frame({str(name): frame[name].to_numpy() for name in frame}, path, overwrite)
    differs = _differing(dataset, path)
    lengths = any(name.startswith("tok:") or name.endswith("_tok") for name in differs)
    return Built(path, len(frame), differs, estimated if lengths else None)


def _differing(dataset: str, path: Path) -> tuple[str, ...]:
    """Return the names of the columns whose content is not what the catalogue states."""
    frame = read_frame(path)
    due = recorded_columns()[dataset]
    found = {str(name): column_sha256(frame[name]) for name in frame}
    return tuple(name for name in {**due, **found} if due.get(name) != found.get(name))
