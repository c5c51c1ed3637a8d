"""Results on disk: a JSON file with all that is needed to repeat them, a CSV file to plot."""

from __future__ import annotations

import csv
import json
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from edgeroute_env.errors import InputError
from edgeroute_env.files import (
    open_folder,
    read_whole,
    replacing,
    with_sha256,
    without_sha256,
)

_PACKAGES = ("edgeroute", "gymnasium", "numba", "numpy", "pydantic", "scipy")


@dataclass(frozen=True)
class ResultFiles:
    """The files of one command's results."""

    name: str  # without suffix
    is_ours: Callable[[Any], bool]  # whether that command wrote what a JSON file holds
    # Gives the CSV file's flat rows, all with the same fields.
    rows: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]
    extra: tuple[str, ...] = ()  # further files that belong to the results

    @property
    def json_name(self) -> str:
        """The file with all that is needed to repeat the results."""
        return f"{self.name}.json"

    @property
    def names(self) -> tuple[str, ...]:
        """All files."""
        return self.json_name, f"{self.name}.csv", *self.extra

    def open(self, folder: Path, overwrite: bool, resume: bool) -> dict[str, Any] | None:
        """Make the folder; return the results in it when they are to be resumed.

        Raises:
            InputError: results are there and neither `overwrite` nor `resume` was asked for, or
                they cannot be read, or the folder cannot be made.
        """
        open_folder(folder, self.names, overwrite, resume)
        path = folder / self.json_name
        return self.read(path, "--resume") if resume and path.exists() else None

    def read(self, path: Path, field: str) -> dict[str, Any]:
        """Return what a JSON file holds; InputError names `field` where it is not ours."""
        try:
            found = json.loads(read_whole(path))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(field, str(path), f"a readable {self.json_name} ({error})") from None
        try:
            found = without_sha256(found)
        except (ValueError, RecursionError) as error:
            allowed = f"a {self.json_name} as edgeroute wrote it: {error}"
            raise InputError(field, str(path), allowed) from None
        if not self.is_ours(found):
            raise InputError(field, str(path), f"a {self.json_name} that edgeroute wrote")
        return found

    def write(self, folder: Path, content: dict[str, Any]) -> None:
        """Write the JSON and the CSV file, each in one move."""
        json_path, csv_path = (folder / name for name in self.names[:2])
        with replacing(json_path) as part:
            part.write_text(json.dumps(with_sha256(content), indent=1) + "\n", encoding="utf-8")
        with replacing(csv_path) as part, part.open("w", encoding="utf-8", newline="") as file:
            rows = list(self.rows(content))
            writer = csv.DictWriter(file, list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)


def command_and_versions(*more: str) -> dict[str, Any]:
    """Return the exact command and the versions that it ran with, those of `more` packages too."""
    versions = {"python": platform.python_version()}
    for name in (*_PACKAGES, *more):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {"command": shlex.join(["edgeroute", *_telling(sys.argv[1:])]), "versions": versions}


def _telling(words: Sequence[str]) -> Iterator[str]:
    """Yield the words of a command without those that say where the work is done."""
    given = iter(words)
    for word in given:
        option, equals, _ = word.partition("=")
        if option not in ("--jobs", "--cluster"):
            yield word
        elif not equals:
            next(given, None)


def dated_folder() -> Path:
    """Return the folder for results that no other is named for: results/TIME."""
    return Path("results") / datetime.now().strftime("%Y-%m-%d-%H%M%S")
