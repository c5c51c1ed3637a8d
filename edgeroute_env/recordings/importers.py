"""The published formats, read into recordings.

    routellm    who answers MMLU or GSM8K right     lm-sys/RouteLLM           -> Outcomes
    zeroeval    GSM8K answers, a file a model       WildEval/ZeroEval         -> Outcomes
    mtbench101  multi-turn dialogues                mtbench101/mt-bench-101   -> Dialogues
    azure       requests to an LLM service          Azure/AzurePublicDataset  -> Arrivals
    mooncake    requests with prefix-cache blocks   kvcache-ai/Mooncake       -> Arrivals

`downloads` fetches the files themselves. A bad line raises an InputError that names the file and
the line (from 1) or, in a JSON list, the item (from 0). Lengths of texts are estimates (see
`tokens`).
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.files import make_recording
from edgeroute_env.recordings.sessions import BLOCK_TOKENS, Request, session_of_requests
from edgeroute_env.recordings.shapes import Arrivals, Dialogues, Outcomes, Recording
from edgeroute_env.recordings.tokens import count_tokens

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)")


def routellm_csv(
    paths: Sequence[str | Path], weak: str | None = None, strong: str | None = None
) -> Outcomes:
    """Return the outcomes in RouteLLM's csv files, one file for each subject.

    Columns: prompt, True or False for each model and, in the GSM8K file, `<model>_response`. The
    answer lengths are estimated from the responses. `weak` (device) and `strong` (edge) name the
    models' columns; by default they are the second and third of the first file. The group is the
    file's name after `mmlu_`.
    """
    if not paths:
        raise InputError("files", "none", "one file at least")
    rows: dict[str, list[Any]] = {}
    for path in map(Path, paths):
        for line, row in _csv_rows(path, ("prompt",)):
            with _naming_line(path, f"line {line}", "prompt and True or False for both models"):
                weak, strong = weak or list(row)[1], strong or list(row)[2]
                values: dict[str, Any] = {
                    "prompt_tokens": count_tokens(row["prompt"]),
                    "quality_device": _truth(row[weak]),
                    "quality_edge": _truth(row[strong]),
                    "group": path.stem.removeprefix("mmlu_"),
                }
                for route, model in (("device", weak), ("edge", strong)):
                    if f"{model}_response" in row:
                        values[f"answer_tokens_{route}"] = count_tokens(row[f"{model}_response"])
            for name, value in values.items():
                rows.setdefault(name, []).append(value)
    return make_recording(Outcomes, ", ".join(map(str, paths)), rows)


def zeroeval_json(weak_path: str | Path, strong_path: str | Path) -> Outcomes:
    """Return the outcomes of two models' ZeroEval files: device (weak) and edge (strong).

    A file is a JSON list. Each item has:

    - `id` or `session_id`;
    - `question`, or `chat_history`, whose last text also holds the benchmark's template;
    - the right answer in `correct_answer` or `answer` ("# 18");
    - `output`, a list with one text, which holds a JSON object with `answer`.

    An answer is right if its first number equals that of the right answer; commas, $, % and a
    trailing .0 do not matter. An output without such an object is a wrong answer. The result holds
    the questions that both files have, in the order of the first file.
    """
    weak, strong = _zeroeval_items(Path(weak_path)), _zeroeval_items(Path(strong_path))
    pairs = [(item, strong[key]) for key, item in weak.items() if key in strong]
    if not pairs:
        raise InputError(str(strong_path), "no question in common", f"answers as in {weak_path}")
    columns = {
        "prompt_tokens": [device.prompt_tokens for device, _ in pairs],
        "quality_device": [device.quality for device, _ in pairs],
        "quality_edge": [edge.quality for _, edge in pairs],
        "answer_tokens_device": [device.answer_tokens for device, _ in pairs],
        "answer_tokens_edge": [edge.answer_tokens for _, edge in pairs],
    }
    return make_recording(Outcomes, weak_path, columns)


def mtbench101_jsonl(path: str | Path) -> Dialogues:
    """Return the dialogues of MT-Bench-101 (.jsonl or .jsonl.gz).

    A line has `task`, `id` and `history`, a list of turns with `user` and `bot` (the reference
    answer). The dialogues are numbered in the order of the lines.
    """
    rows: list[tuple[str, int, int, int, int]] = []
    for number, (line, item) in enumerate(_json_lines(Path(path))):
        with _naming_line(path, f"line {line}", "task and history with user and bot"):
            history = item["history"]
            if not history:
                raise ValueError("no turns")
            for turn, said in enumerate(history, 1):
                lengths = count_tokens(said["user"]), count_tokens(said["bot"])
                rows.append((item["task"], number, turn, *lengths))
    names = ("task", "dialogue", "turn", "prompt_tokens", "answer_tokens")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    return make_recording(Dialogues, path, columns)


def azure_csv(path: str | Path) -> Arrivals:
    """Return the arrivals of an Azure LLM inference trace, in seconds from its first request.

    Columns: TIMESTAMP (read to the microsecond), ContextTokens, GeneratedTokens. The trace has no
    sessions.
    """
    time_s: list[float] = []
    first: datetime | None = None
    for line, row in _csv_rows(Path(path), ("TIMESTAMP", "ContextTokens", "GeneratedTokens")):
        with _naming_line(path, f"line {line}", "a time such as 2023-11-16 18:15:46.6805900"):
            now = datetime.fromisoformat(row["TIMESTAMP"])
            first = first or now
            time_s.append((now - first).total_seconds())
    return make_recording(Arrivals, path, {"time_s": time_s})


def mooncake_jsonl(path: str | Path) -> Arrivals:
    """Return the arrivals of a Mooncake trace (.jsonl or .jsonl.gz) with their sessions.

    A line has `timestamp` (ms), `input_length` and `output_length` (tokens) and `hash_ids`, one
    hash for each 512 input tokens. Sessions are found from these hashes; see `session_of_requests`.
    """
    requests: list[Request] = []
    for line, item in _json_lines(Path(path)):
        with _naming_line(path, f"line {line}", "timestamp, input_length and hash_ids"):
            tokens, blocks = int(item["input_length"]), tuple(map(int, item["hash_ids"]))
            if len(blocks) != -(-tokens // BLOCK_TOKENS):
                raise ValueError(f"{len(blocks)} hash_ids for {tokens} tokens")
            requests.append(Request(float(item["timestamp"]) / 1e3, tokens, blocks))
    time_s = [request.time_s for request in requests]
    columns = {"time_s": time_s, "session": session_of_requests(requests)}
    return make_recording(Arrivals, path, columns)


def _truth(text: str) -> float:
    if text not in ("True", "False"):
        raise ValueError(text)
    return float(text == "True")


class _Answered(NamedTuple):
    """One model's answer to one question."""

    prompt_tokens: int
    quality: float
    answer_tokens: int


def _zeroeval_items(path: Path) -> dict[str, _Answered]:
    with _opened(path) as file, _naming_line(path, "the file", "a JSON list"):
        items = json.load(file)
        if not isinstance(items, list):
            raise ValueError(f"a JSON {type(items).__name__}")
    answered: dict[str, _Answered] = {}
    for number, item in enumerate(items):
        with _naming_line(path, f"item {number}", "id, question, answer and output"):
            key = str(item["id"] if "id" in item else item["session_id"])
            if key in answered:
                raise ValueError(f"{key} a second time")
            question = item["question"] if "question" in item else item["chat_history"][-1]
            gold = _first_number(item.get("correct_answer", item.get("answer")))
            if gold is None:
                raise ValueError("no number in the right answer")
            output = item["output"][0]
            right = _first_number(_answer(output)) == gold
            answered[key] = _Answered(count_tokens(question), float(right), count_tokens(output))
    return answered


def _answer(output: str) -> Any:
    """Return the answer in the JSON object of a model's output; None if there is none."""
    with suppress(ValueError, KeyError):
        # Models put prose or a code fence around the object, and line breaks into its texts.
        found = json.loads(output[output.index("{") : output.rindex("}") + 1], strict=False)
        return found["answer"]
    return None


def _first_number(answer: Any) -> float | None:
    """Return the first number in an answer, or None."""
    if not isinstance(answer, str | int | float):
        return None
    found = _NUMBER.search(re.sub(r"\$|,(?=\d{3})", "", str(answer)))
    return float(found.group()) if found else None


def _csv_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a csv file with their line numbers; InputError if there are none."""
    line = 0
    with _opened(path, newline="") as file:
        rows = csv.DictReader(file, strict=True)
        missing = [name for name in required if name not in (rows.fieldnames or ())]
        if missing:
            present = ", ".join(rows.fieldnames or ()) or "none"
            raise InputError(f"{path}, line 1", f"columns {present}", f"with {missing[0]}")
        for row in rows:
            line = rows.line_num
            if None in row or None in row.values():
                raise InputError(f"{path}, line {line}", "too many or too few fields", "a full row")
            yield line, row
    if not line:
        raise InputError(str(path), "no rows", "one row at least")


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the JSON objects of a jsonl file with their line numbers; InputError if none."""
    line = 0
    with _opened(path) as file:
        for line, text in enumerate(file, 1):
            with _naming_line(path, f"line {line}", "a JSON object"):
                item = json.loads(text)
                if not isinstance(item, dict):
                    raise ValueError(f"a JSON {type(item).__name__}")
            yield line, item
    if not line:
        raise InputError(str(path), "no lines", "one line at least")


@contextmanager
def _opened(path: Path, newline: str | None = None) -> Iterator[IO[str]]:
    """Open a text file, compressed or not; InputError if it cannot be read."""
    opener: Callable[..., IO[str]] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline=newline) as file:
            yield file
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(str(path), str(error), "a readable text file") from None


@contextmanager
def _naming_line(path: str | Path, place: str, allowed: str) -> Iterator[None]:
    """Turn an error in one line into an InputError that names the line."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}, {place}", reason, allowed) from None


def _one_file(importer: Callable[[Path], Recording]) -> Callable[[Sequence[Path]], Recording]:
    """Return an importer that takes a list of exactly one file."""

    def of_list(paths: Sequence[Path]) -> Recording:
        if len(paths) != 1:
            raise InputError("files", f"{len(paths)} files", "one file")
        return importer(paths[0])

    return of_list


def _two_models(paths: Sequence[Path]) -> Recording:
    if len(paths) != 2:
        raise InputError("files", f"{len(paths)} files", "two files: weak model, strong model")
    return zeroeval_json(*paths)


IMPORTERS: Mapping[str, Callable[[Sequence[Path]], Recording]] = {
    "routellm": routellm_csv,
    "zeroeval": _two_models,
    "mtbench101": _one_file(mtbench101_jsonl),
    "azure": _one_file(azure_csv),
    "mooncake": _one_file(mooncake_jsonl),
}
