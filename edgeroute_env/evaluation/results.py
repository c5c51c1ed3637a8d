"""Results on disk: a JSON file with all that is needed to repeat them, a CSV file to plot."""

from __future__ import annotations

import csv
import json
import platform
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from edgeroute_env.errors import InputError
from edgeroute_env.files import replacing

_PACKAGES = ("edgeroute", "gymnasium", "numba", "numpy", "pydantic", "scipy")


@dataclass(frozen=True)
class Kind:
    """A kind of results.

    Attributes:
        name: of its files, without suffix.
        is_ours: tells whether what a JSON file holds is of this kind.
        rows: gives the CSV file's flat rows, all with the same fields.
        extra: further files that belong to the results.
    """

    name: str
    is_ours: Callable[[Any], bool]
    rows: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]
    extra: tuple[str, ...] = ()

    @property
    def json_name(self) -> str:
        """The file with all that is needed to repeat the results."""
        return f"{self.name}.json"

    @property
    def csv_name(self) -> str:
        """The file to plot."""
        return f"{self.name}.csv"


def provenance(*more: str) -> dict[str, Any]:
    """Return the exact command and the versions that it ran with, those of `more` packages too."""
    versions = {"python": platform.python_version()}
    for name in (*_PACKAGES, *more):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {"command": shlex.join(["edgeroute", *sys.argv[1:]]), "versions": versions}


def dated_folder() -> Path:
    """Return the folder for results that no other is named for: results/TIME."""
    return Path("results") / datetime.now().strftime("%Y-%m-%d-%H%M%S")


def open_folder(folder: Path, overwrite: bool, resume: bool, kind: Kind) -> dict[str, Any] | None:
    """Make the results folder; return the results in it when they are to be resumed.

    Raises:
        InputError: results are there and neither `overwrite` nor `resume` was asked for, or they
            cannot be read, or the folder cannot be made.
    """
    path = folder / kind.json_name
    for name in (kind.json_name, kind.csv_name, *kind.extra):
        if (folder / name).is_dir():
            raise InputError("--out", str(folder), f"a folder where {name} is no folder")
    if path.exists() and not (overwrite or resume):
        raise InputError("--out", str(folder), "a folder without results, --overwrite or --resume")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = json.loads(path.read_text(encoding="utf-8")) if resume and path.exists() else None
    except (OSError, ValueError) as error:
        raise InputError("--out", str(folder), f"a usable folder ({error})") from None
    if found is not None and not kind.is_ours(found):
        raise InputError("--resume", str(path), f"a {kind.json_name} that edgeroute wrote")
    return found


def write(folder: Path, results: dict[str, Any], kind: Kind) -> None:
    """Write both files, each in one move."""
    with replacing(folder / kind.json_name) as part:
        part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    path = folder / kind.csv_name
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        rows = list(kind.rows(results))
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def _is_ours(found: Any) -> bool:
    workloads = found.get("workloads") if isinstance(found, dict) else None
    return isinstance(workloads, dict) and all(
        isinstance(result, dict) and "routers" in result for result in workloads.values()
    )


def _rows(results: dict[str, Any]) -> Any:
    """Yield one flat row a workload and router."""
    for workload, result in results["workloads"].items():
        for router, row in result["routers"].items():
            flat = {"workload": workload, "traces": result["traces"], "router": router}
            flat |= row["figures"]
            flat |= {name: row.get(name) for name in ("goodput", "p_value", "p_holm")}
            for name, values in row["difference"].items():
                flat |= {f"difference_{name}_{part}": value for part, value in values.items()}
            yield flat


BENCHMARK = Kind("results", _is_ours, _rows)
