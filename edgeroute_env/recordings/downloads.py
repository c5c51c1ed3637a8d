"""The registry of published data files, and where data lie on this machine.

`configs/catalog/published_files.csv` lists each file with its repository, commit, path, size,
SHA-256, licence and format. `download` fetches a dataset and verifies its files.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edgeroute_env.config_files import config_path
from edgeroute_env.errors import InputError, missing_package
from edgeroute_env.files import new_part, own_parts, writing

DATA_VARIABLE = "EDGEROUTE_DATA"
GITHUB = "https://raw.githubusercontent.com"
TIMEOUT_S = 30.0
CHUNK_BYTES = 2**16


@dataclass(frozen=True)
class PublishedFile:
    """One published file: where it is, and what must arrive from there."""

    dataset: str
    repository: str  # owner/name on GitHub
    commit: str
    path: str  # within the repository
    bytes: int
    sha256: str
    licence: str
    format: str

    @property
    def name(self) -> str:
        """The name of the file without its folders."""
        return self.path.rpartition("/")[2]

    def url(self, base_url: str = GITHUB) -> str:
        """Return where the file is published, on GitHub or a mirror laid out like it."""
        return f"{base_url.rstrip('/')}/{self.repository}/{self.commit}/{self.path}"


@dataclass(frozen=True)
class Dataset:
    """The files of one dataset."""

    files: int
    bytes: int
    licence: str


def published(dataset: str | None = None) -> list[PublishedFile]:
    """Return the published files, all or those of one dataset; InputError if it is unknown."""
    rows = _catalogue("published_files.csv")
    files = [PublishedFile(**{**row, "bytes": int(row["bytes"])}) for row in rows]
    found = [file for file in files if dataset in (None, file.dataset)]
    if not found:
        names = ", ".join(dict.fromkeys(file.dataset for file in files))
        raise InputError("dataset", dataset, f"one of {names}")
    return found


def datasets() -> dict[str, Dataset]:
    """Return the published datasets by name."""
    by_name: dict[str, list[PublishedFile]] = {}
    for file in published():
        by_name.setdefault(file.dataset, []).append(file)
    return {
        name: Dataset(
            len(files),
            sum(file.bytes for file in files),
            ", ".join(dict.fromkeys(file.licence for file in files)),
        )
        for name, files in by_name.items()
    }


def recorded_columns() -> dict[str, dict[str, str]]:
    """Return the SHA-256 of each column of the tables that the presets name, by dataset."""
    found: dict[str, dict[str, str]] = {}
    for row in _catalogue("recorded_tables.csv"):
        found.setdefault(row["dataset"], {})[row["column"]] = row["sha256"]
    return found


def recorded_tables() -> dict[str, str]:
    """Return the file names of the tables that the presets name, by dataset."""
    return {row["dataset"]: row["table"] for row in _catalogue("recorded_tables.csv")}


def getting(table: str) -> str | None:
    """Return the command that makes a recorded table; None for a table of one's own."""
    names = (dataset for dataset, file in recorded_tables().items() if file == table)
    return next((f"edgeroute data get {name}" for name in names), None)


def _catalogue(name: str) -> list[dict[str, Any]]:
    with config_path("catalog", name).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def data_folder() -> Path:
    """Return the folder of data files: $EDGEROUTE_DATA, else the user's data folder."""
    chosen = os.environ.get(DATA_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    try:
        import platformdirs
    except ImportError:
        raise missing_package("platformdirs", "the user's data folder", "cli") from None
    return platformdirs.user_data_path("edgeroute")


def data_file(name: str) -> Path:
    """Return the path of a file in the data folder; InputError if it is absent."""
    path = data_folder() / name
    if not path.is_file():
        command = getting(name)
        allowed = f"set {DATA_VARIABLE} to the folder that holds it"
        if command is not None:
            allowed = f"run: {command}, or set {DATA_VARIABLE}"
        raise InputError(str(path), "no such file", allowed)
    return path


def download(
    dataset: str,
    folder: str | Path | None = None,
    base_url: str | None = None,
    progress: bool = True,
) -> dict[str, Path]:
    """Fetch a dataset's files into `folder/<dataset>` (by default the data folder's).

    Returns the files by their paths within the repositories. `base_url` is a mirror of GitHub's raw
    files, or a local folder laid out like one. `progress` shows a bar on standard error.

    A file that is there and has the right SHA-256 is not fetched again, and a file that was cut
    short is continued, so a download may be interrupted and repeated. A file gets its name only
    once it is complete and verified, and no more bytes are taken than the catalogue states.

    Raises:
        InputError: an unknown dataset, a failing network or disk, or wrong content; after the
            last, nothing of the file is left.
    """
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError as error:
        raise missing_package(str(error.name), "downloads", "cli") from None
    target = Path(folder if folder is not None else data_folder()) / dataset
    files = published(dataset)
    paths = {}
    with Progress(console=Console(stderr=True), disable=not progress, transient=True) as bar:
        task = bar.add_task(f"downloading {dataset}", total=sum(file.bytes for file in files))
        for file in files:
            paths[file.path] = target / file.path
            _fetch(file, target / file.path, file.url(base_url or GITHUB))
            bar.advance(task, file.bytes)
    return paths


def _fetch(file: PublishedFile, path: Path, url: str) -> None:
    """Fetch a file to `path` unless it is there and verified."""
    try:
        if path.is_file() and _sha256(path) == file.sha256:
            return
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        part = next(own_parts(path), None)  # what an interrupted download left
        if part is None:
            part, handle = new_part(path)
            os.close(handle)
        try:
            _continue(url, part, file.bytes)
        finally:
            if not part.stat().st_size:  # nothing to continue from
                part.unlink()
        found = _sha256(part)
        if found != file.sha256:
            part.unlink()
            allowed = f"{file.bytes} bytes with SHA-256 {file.sha256}"
            raise InputError(url, found, allowed)
        os.replace(part, path)
    except OSError as error:  # the network's errors are among them
        raise InputError(url, str(error)[:300], "a file that can be fetched; try again") from None


def _continue(url: str, part: Path, size_bytes: int) -> None:
    """Fetch a URL to the end of `part`, from where an earlier try left off.

    The file is pinned to a commit, so what came earlier is the start of the same file. One byte
    too many is enough to know that the content is wrong.
    """
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(part, flags), "r+b") as out:
        begun = out.seek(0, os.SEEK_END)
        if begun >= size_bytes:
            return
        with _source(url, begun) as (resumed, chunks):
            if not resumed:
                out.truncate(0)
            for chunk in chunks:
                out.seek(0, os.SEEK_END)
                out.write(chunk[: size_bytes + 1 - out.tell()])
                if out.tell() > size_bytes:
                    return


@contextmanager
def _source(url: str, begun: int) -> Iterator[tuple[bool, Iterator[bytes]]]:
    """Open a URL or a local file; give whether it starts at byte `begun`, and what comes."""
    if "://" not in url:
        with open(url, "rb") as file:
            file.seek(begun)
            yield True, iter(partial(file.read, CHUNK_BYTES), b"")
        return
    try:
        import requests
    except ImportError:
        raise missing_package("requests", "downloads", "cli") from None
    headers = {"Accept-Encoding": "identity"}  # a range counts the bytes as they are sent
    if begun:
        headers["Range"] = f"bytes={begun}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        yield resumed, response.iter_content(CHUNK_BYTES)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
