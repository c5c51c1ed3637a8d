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

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.answers import answer_of, first_number, only_number
from edgeroute_env.recordings.cells import numbers
from edgeroute_env.recordings.lines import csv_rows, json_lines, naming_line, opened
from edgeroute_env.recordings.mooncake import mooncake_jsonl
from edgeroute_env.recordings.shapes import Arrivals, Dialogues, Outcomes, Recording
from edgeroute_env.recordings.tables import make_recording
from edgeroute_env.recordings.tokens import count_tokens

_INDEX = re.compile(r"|Unnamed: \d+")  # the names of an index that pandas wrote, and read again
_ONE_NUMBER = (
    "one single number, as in GSM8K; answers that are letters (multiple choice), lists or texts "
    "cannot be graded"
)


def routellm_csv(
    paths: Sequence[str | Path], weak: str | None = None, strong: str | None = None
) -> Outcomes:
    """Return the outcomes in RouteLLM's csv files, one file for each subject.

    Columns: prompt, true or false (in any case, or 1 or 0) for each model and, in the GSM8K file,
    `<model>_response`, from which the answer lengths are estimated. `weak` (device) and `strong`
    (edge) name the models' columns; by default the first two of the first file besides prompt and
    an index without a name. The group is the file's name after `mmlu_`.
    """
    if not paths:
        raise InputError("files", "none", "one file at least")
    rows: dict[str, list[Any]] = {}
    for path in map(Path, paths):
        for line, row in csv_rows(path, ("prompt",)):
            place = f"line {line}"
            with naming_line(path, place, "prompt, and true or false for both models"):
                models = [name for name in row if name != "prompt" and not _INDEX.fullmatch(name)]
                if len(models) < 2:
                    raise InputError("columns", ", ".join(row), "prompt and two models")
                weak, strong = weak or models[0], strong or models[1]
                values: dict[str, Any] = {
                    "prompt_tokens": count_tokens(row["prompt"]),
                    "quality_device": _truth(weak, row[weak]),
                    "quality_edge": _truth(strong, row[strong]),
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

    A file is a JSON list; an item has `id` or `session_id`, `question` (or `chat_history`, whose
    last text holds the benchmark's template too), the right answer in `correct_answer` or `answer`
    ("# 18"), and `output`, a text or a list with one, from which `answers.answer_of` takes the
    answer. It is right if its first number equals the right answer's, whatever its commas, $, % or
    trailing .0; an output without an answer is wrong, and the share of those is in the recording's
    `notes`. A right answer that is not one single number is refused: multiple-choice files and
    lists cannot be graded. Kept are the questions that both files have, in the order of the first.
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
    notes = tuple(
        _recovered(path, items)
        for path, items in ((weak_path, weak.values()), (strong_path, strong.values()))
    )
    return make_recording(Outcomes, weak_path, {**columns, "notes": notes})


def _recovered(path: str | Path, items: Collection[_Answered]) -> str:
    lost = sum(not item.answered for item in items)
    right = 100.0 * sum(item.quality for item in items) / len(items)
    share = f"{lost} of {len(items)} outputs ({100.0 * lost / len(items):.2f} %)"
    return f"{path}: {right:.2f} % right; no answer found in {share}, counted as wrong"


def mtbench101_jsonl(path: str | Path) -> Dialogues:
    """Return the dialogues of MT-Bench-101 (.jsonl or .jsonl.gz).

    A line has `task`, `id` and `history`, a list of turns with `user` and `bot` (the reference
    answer). The dialogues are numbered in the order of the lines.
    """
    rows: list[tuple[str, int, int, int, int]] = []
    for number, (line, item) in enumerate(json_lines(Path(path))):
        with naming_line(path, f"line {line}", "task and history with user and bot"):
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
    for line, row in csv_rows(Path(path), ("TIMESTAMP", "ContextTokens", "GeneratedTokens")):
        with naming_line(path, f"line {line}", "a time such as 2023-11-16 18:15:46.6805900"):
            now = datetime.fromisoformat(row["TIMESTAMP"])
            first = first or now
            time_s.append((now - first).total_seconds())
    return make_recording(Arrivals, path, {"time_s": time_s})


def _truth(column: str, text: str) -> float:
    truth = float(numbers(np.array([text]), truths=True)[0])
    if truth not in (0.0, 1.0):
        raise InputError(
            f"column {column}",
            text,
            "true or false, 1 or 0; name the models' columns where "
            "others stand beside them: --column quality_device=NAME --column quality_edge=NAME",
        )
    return truth


class _Answered(NamedTuple):
    """One model's answer to one question."""

    prompt_tokens: int
    quality: float
    answer_tokens: int
    answered: bool


def _zeroeval_items(path: Path) -> dict[str, _Answered]:
    with opened(path) as file, naming_line(path, "the file", "a JSON list"):
        items = json.load(file)
        if not isinstance(items, list):
            raise ValueError(f"a JSON {type(items).__name__}")
    answered: dict[str, _Answered] = {}
    for number, item in enumerate(items):
        with naming_line(path, f"item {number}", "id, question, answer and output"):
            key = str(item["id"] if "id" in item else item["session_id"])
            if key in answered:
                raise ValueError(f"{key} a second time")
            question = _text(item, "question" if "question" in item else "chat_history", last=True)
            gold = item["correct_answer"] if "correct_answer" in item else item["answer"]
            right = only_number(gold)
            if right is None:
                raise InputError("the right answer", gold, _ONE_NUMBER)
            output = _text(item, "output")
            given = answer_of(output)
            quality = float(given is not None and first_number(given) == right)
            lengths = count_tokens(question), count_tokens(output)
            answered[key] = _Answered(lengths[0], quality, lengths[1], given is not None)
    return answered


def _text(item: Mapping[str, Any], field: str, last: bool = False) -> str:
    """Return a field's text, or the first (or last) of its list of texts."""
    found = item[field]
    if isinstance(found, list) and found:
        found = found[-1 if last else 0]
    if not isinstance(found, str):
        raise InputError(field, found, "a text, or a list of texts")
    return found


Options = Mapping[str, Any]
_MODELS = ("--column quality_device", "--column quality_edge")
_UNITS = ("--time-unit", "--block-tokens")


def _only_file(paths: Sequence[Path]) -> Path:
    if len(paths) != 1:
        raise InputError("files", f"{len(paths)} files", "one file")
    return paths[0]


def _models(paths: Sequence[Path], options: Options) -> Recording:
    return routellm_csv(paths, *(options.get(name) for name in _MODELS))


def _two_models(paths: Sequence[Path], options: Options) -> Recording:
    if len(paths) != 2:
        raise InputError("files", f"{len(paths)} files", "two files: weak model, strong model")
    return zeroeval_json(*paths)


def _mooncake(paths: Sequence[Path], options: Options) -> Recording:
    return mooncake_jsonl(_only_file(paths), *(options.get(name) for name in _UNITS))


class Importer(NamedTuple):
    """What reads a format's files, and the options of the command line that it takes."""

    read: Callable[[Sequence[Path], Options], Recording]
    options: tuple[str, ...] = ()


IMPORTERS: Mapping[str, Importer] = {
    "routellm": Importer(_models, _MODELS),
    "zeroeval": Importer(_two_models),
    "mtbench101": Importer(lambda paths, _: mtbench101_jsonl(_only_file(paths))),
    "azure": Importer(lambda paths, _: azure_csv(_only_file(paths))),
    "mooncake": Importer(_mooncake, _UNITS),
}


def import_files(source_format: str, paths: Sequence[Path], options: Options) -> Recording:
    """Return the recording in files of a published format.

    The options are those of `edgeroute trace import` by name, such as {"--time-unit": "s"}.
    InputError for an unknown format, an option that it does not take and unusable files.
    """
    if source_format not in IMPORTERS:
        raise InputError("format", source_format, "one of " + ", ".join(IMPORTERS))
    importer = IMPORTERS[source_format]
    given = {name: value for name, value in options.items() if value is not None}
    unknown = [name for name in given if name not in importer.options]
    if unknown:
        takes = ", ".join(importer.options) or "no options"
        raise InputError(unknown[0], given[unknown[0]], f"{source_format} takes {takes}")
    return importer.read(paths, given)
