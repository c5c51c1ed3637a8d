"""Results on disk: results.json with all that is needed to repeat them, results.csv to plot."""

from __future__ import annotations

import csv
import json
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from edgeroute_env.errors import InputError
from edgeroute_env.files import replacing

JSON_NAME, CSV_NAME = "results.json", "results.csv"
_PACKAGES = ("edgeroute", "gymnasium", "numba", "numpy", "pydantic", "scipy")


def provenance() -> dict[str, Any]:
    """Return the exact command and the versions that it ran with."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {"command": shlex.join(["edgeroute", *sys.argv[1:]]), "versions": versions}


def open_folder(folder: Path, overwrite: bool, resume: bool) -> dict[str, Any] | None:
    """Make the results folder; return the results in it when they are to be resumed.

    Raises:
        InputError: results are there and neither `overwrite` nor `resume` was asked for, or they
            cannot be read, or the folder cannot be made.
    """
    path = folder / JSON_NAME
    for blocked in (path, folder / CSV_NAME):
        if blocked.is_dir():
            raise InputError("--out", str(folder), f"a folder where {blocked.name} is no folder")
    if path.exists() and not (overwrite or resume):
        raise InputError("--out", str(folder), "a folder without results, --overwrite or --resume")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = json.loads(path.read_text(encoding="utf-8")) if resume and path.exists() else None
    except (OSError, ValueError) as error:
        raise InputError("--out", str(folder), f"a usable folder ({error})") from None
    if found is not None and not _is_ours(found):
        raise InputError("--resume", str(path), f"a {JSON_NAME} that edgeroute wrote")
    return found


def _is_ours(found: Any) -> bool:
    workloads = found.get("workloads") if isinstance(found, dict) else None
    return isinstance(workloads, dict) and all(
        isinstance(result, dict) and "routers" in result for result in workloads.values()
    )


def write(folder: Path, results: dict[str, Any]) -> None:
    """Write both files, each in one move."""
    with replacing(folder / JSON_NAME) as part:
        part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    with replacing(folder / CSV_NAME) as part, part.open("w", encoding="utf-8", newline="") as file:
        rows = list(_rows(results))
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def _rows(results: dict[str, Any]) -> Any:
    """Yield one flat row a workload and router."""
    for workload, result in results["workloads"].items():
        for router, row in result["routers"].items():
            flat = {"workload": workload, "traces": result["traces"], "router": router}
            flat |= row["figures"]
            for name, values in row["difference"].items():
                flat |= {f"difference_{name}_{part}": value for part, value in values.items()}
            yield flat
