"""Every value of a scenario with its unit, its mark, its source in words and its file.

Marks and words are the comments of the YAML files. A comment on the line that opens a group holds
for the whole group. A comment beside a flow mapping holds for all its fields. The opening comment
of a catalog or benchmark file holds for all its entries. A field's own comment replaces these.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from edgeroute_env.benchmarks import DialogueBenchmark, QuestionBenchmark
from edgeroute_env.catalog import DeviceSpeed, GpuSpec, ModelSpec
from edgeroute_env.config_files import Loader, config_path
from edgeroute_env.measured import fit_gpu
from edgeroute_env.scenario_files import base_file, laid_over, load_scenario, scenario_file
from edgeroute_env.users import LAWS, Law

DEFAULT_SOURCE = "default"  # the source of a field that no file gives

_MARK = re.compile(r"\[([MDA])\b[^\]]*\]")
_MARK_AT_AN_END = re.compile(r"^\[[MDA]\]\s*|\s*\[[MDA]\]$")
_CATALOGS = {ModelSpec: "models", GpuSpec: "gpus", DeviceSpeed: "devices"}
_SYMBOLS = {
    **{name: name for name in ("s", "m", "token", "tokens")},
    **{"w": "W", "j": "J", "hz": "Hz", "ghz": "GHz", "db": "dB", "dbm": "dBm"},
    **{"bytes": "B", "gb": "GB", "tb": "TB", "gib": "GiB", "mbit": "Mbit", "tflops": "TFLOP/s"},
    "b": "10^9",
}


@dataclass(frozen=True)
class Row:
    """One value of a scenario.

    `mark` is M measured, D derived, A assumption; several if one comment covers a whole file.
    """

    field: str  # its dotted name
    value: Any  # as validated
    unit: str  # taken from its name; empty for plain numbers and texts
    mark: str  # empty if there is none
    source: str  # the comment's words; "default" if no file gives the field
    file: str  # below `configs`, or as the user named it; empty for a default

    def text(self) -> str:
        """Return the value as a scenario's file would hold it."""
        if self.value is None or isinstance(self.value, bool):
            return "null" if self.value is None else str(self.value).lower()
        if self.value == ():
            return "[]"
        return f"{self.value:.10g}" if isinstance(self.value, float) else str(self.value)


@dataclass(frozen=True)
class _Note:
    mark: str = ""
    words: str = ""

    def refined(self, comment: str) -> _Note:
        """Return the note of a line below this one, which may have a comment of its own."""
        mark = ", ".join(dict.fromkeys(_MARK.findall(comment)))
        words = _MARK_AT_AN_END.sub("", comment)
        return _Note(mark, words) if mark else _Note(self.mark, words or self.words)


@dataclass(frozen=True)
class _Leaf:
    value: Any
    note: _Note
    file: str


def provenance(source: str | os.PathLike[str]) -> list[Row]:
    """Return one row for each value of a preset or YAML file, in the order of its fields.

    Raises:
        InputError: the scenario cannot be read or used.
    """
    scenario = load_scenario(source)
    return list(_rows(scenario, _whole(scenario_file(source)), ()))


def unit_of(field: str) -> str:
    """Return the unit that a field's name ends in, e.g. J/token; empty for plain numbers."""
    parts = [part for part in field.split(".") if not part.isdigit() and part not in LAWS]
    words = parts[-1].split("_")
    below: list[str] = []
    while len(words) > 2 and words[-2] == "per" and words[-1] in _SYMBOLS:
        below.insert(0, _SYMBOLS[words[-1]])
        del words[-2:]
    above = _SYMBOLS.get(words[-1], "")
    if not below:
        return above if len(words) > 1 else ""
    rate = "/".join(below)
    return f"{above or 1}/{rate}" if len(below) == 1 else f"{above or 1}/({rate})"


def _rows(value: Any, tree: Any, path: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a validated value; `tree` holds the leaves from its files."""
    if isinstance(value, BaseModel):
        fields = _named(value, tree) if isinstance(tree, _Leaf) else _fitted(value, tree)
        for name in type(value).model_fields:
            if isinstance(value, Law) and getattr(value, name) is None:
                continue  # a field of another kind of law
            yield from _rows(getattr(value, name), _child(fields, name), (*path, name))
    elif isinstance(value, Mapping | list | tuple) and value:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _rows(item, _child(tree, key), (*path, str(key)))
    else:
        field = ".".join(path)
        numeric = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        leaf = tree if isinstance(tree, _Leaf) else _Leaf(value, _Note(words=DEFAULT_SOURCE), "")
        unit = unit_of(field) if numeric else ""
        yield Row(field, value, unit, leaf.note.mark, leaf.note.words, leaf.file)


def _child(tree: Any, key: Any) -> Any:
    """Return the part of a tree below a key; a leaf holds for every key below it."""
    if isinstance(tree, dict):
        return tree.get(str(key))
    return tree[key] if isinstance(tree, list) else tree


def _fitted(part: BaseModel, tree: Any) -> Any:
    """Return a part's tree; what measured points make has a leaf that says how it was found."""
    if not isinstance(tree, dict) or "measured" not in tree:
        return tree
    given = _plain(tree)
    if isinstance(part, GpuSpec):
        sources = fit_gpu(given).sources
    else:
        words = "mean over the measured points"
        sources = {name: words for name in type(part).model_fields if name not in given}
    made = {
        name: _Leaf(
            None, _Note("A" if words.startswith("default") else "D", words), tree["name"].file
        )
        for name, words in sources.items()
    }
    return {**tree, **made}


def _plain(tree: Any) -> Any:
    """Return the values of a tree without their comments."""
    if isinstance(tree, dict):
        return {name: _plain(item) for name, item in tree.items()}
    return [_plain(item) for item in tree] if isinstance(tree, list) else tree.value


def _named(part: BaseModel, leaf: _Leaf) -> dict[str, Any]:
    """Return those fields of a part that a file names, with the comments beside them."""
    for kind, catalog in _CATALOGS.items():
        if isinstance(part, kind):
            entries = _File(config_path("catalog", f"{catalog}.yaml")).tree(headed=True)
            return {"name": leaf, **entries[leaf.value]}
    if isinstance(part, QuestionBenchmark | DialogueBenchmark):
        file = _File(config_path("benchmarks", f"{leaf.value}.yaml"))
        return {"name": leaf, **file.tree(headed=True)}
    return dict.fromkeys(type(part).model_fields, leaf)


def _whole(path: Path) -> dict[str, Any]:
    """Return the tree of a scenario's file on top of that of the preset which it extends."""
    tree = _File(path).tree()
    base = tree.pop("extends", None)
    if base is None or base.value is None:
        return tree
    return laid_over(_whole(base_file(base.value)), tree)


class _File:
    """A YAML file's nodes and the comments of its lines."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        inside = path.is_relative_to(config_path())
        self.name = path.relative_to(config_path()).as_posix() if inside else str(path)
        self.comments = _comments(self.text)
        self.loader = Loader(self.text)

    def tree(self, headed: bool = False) -> dict[str, Any]:
        """Return the mapping with a leaf in place of every value.

        With `headed`, the opening comment holds for the whole file.
        """
        root = self.loader.get_single_node()
        assert root is not None  # the scenario was read from it
        opening = takewhile(lambda line: line.startswith("#"), self.text.splitlines())
        head = " ".join(line.lstrip("# ") for line in opening)
        tree: dict[str, Any] = self._built(root, _Note().refined(head if headed else ""))
        return tree

    def _built(self, node: yaml.Node, note: _Note) -> Any:
        if isinstance(node, yaml.MappingNode):
            self.loader.flatten_mapping(node)
            tree = {}
            for key, item in node.value:
                beside = note.refined(self._beside(key.start_mark.line, item))
                name = str(self.loader.construct_object(key, deep=True))
                tree[name] = self._built(item, beside)
            return tree
        if isinstance(node, yaml.SequenceNode) and node.value:
            notes = (note.refined(self._beside(None, item)) for item in node.value)
            return list(map(self._built, node.value, notes))
        return _Leaf(self.loader.construct_object(node, deep=True), note, self.name)

    def _beside(self, key_line: int | None, node: yaml.Node) -> str:
        """Return the comment on the line of a key, or on the last line of its inline value."""
        in_block = isinstance(node, yaml.CollectionNode) and not node.flow_style
        lines = [] if key_line is None else [key_line]
        # Block texts and block collections end on the line of another field.
        if not in_block and getattr(node, "style", None) not in ("|", ">"):
            lines.append(node.end_mark.line)
        return next((self.comments[line] for line in lines if self.comments.get(line)), "")


def _comments(text: str) -> dict[int, str]:
    """Return the comment of every line that has one; a # inside a YAML text does not start one."""
    for token in yaml.scan(text, Loader=Loader):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark.index, token.end_mark.index
            text = text[:start] + re.sub(r"[^\r\n]", "_", text[start:end]) + text[end:]
    found = ((i, re.search(r"(?<!\S)#(.*)", line)) for i, line in enumerate(text.splitlines()))
    return {i: sign[1].strip() for i, sign in found if sign is not None}
