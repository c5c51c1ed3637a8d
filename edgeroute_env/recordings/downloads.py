"""The registry of published data files, and where data lie on this machine.

`configs/catalog/published_files.csv` lists each file with its repository, commit, path, size,
SHA-256, licence and format. `download` fetches a dataset and verifies its files.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeroute_env.config_files import config_path
from edgeroute_env.errors import InputError, missing_package

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
    with config_path("catalog", "published_files.csv").open(encoding="utf-8", newline="") as table:
        rows: list[dict[str, Any]] = list(csv.DictReader(table))
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
        name: Dataset(len(files), sum(file.bytes for file in files), files[0].licence)
        for name, files in by_name.items()
    }


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
        raise InputError(
            str(path), "no such file", f"set {DATA_VARIABLE} or run `edgeroute data get`"
        )
    return path


def download(
    dataset: str,
    folder: str | Path | None = None,
    base_url: str | None = None,
    progress: bool = True,
) -> list[Path]:
    """Fetch a dataset's files into `folder/<dataset>` (by default the data folder's).

    A download may be interrupted and repeated: a file that exists with the right SHA-256 is not
    fetched again, and an incomplete file is continued. A file gets its final name only when it is
    complete and verified. InputError for an unknown dataset, a failure of network or disk, and a
    wrong hash. After a wrong hash nothing of the file is left. `base_url` names a mirror.
    """
    try:
        import pooch
        from rich.console import Console
        from rich.progress import Progress
    except ImportError as error:
        raise missing_package(str(error.name), "downloads", "cli") from None
    pooch.get_logger().setLevel("WARNING")  # the progress bar already says what happens
    target = Path(folder if folder is not None else data_folder()) / dataset
    files = published(dataset)
    paths = []
    with Progress(console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(dataset, total=sum(file.bytes for file in files))
        for file in files:
            paths.append(_fetch(file, target, file.url(base_url or GITHUB)))
            bar.advance(task, file.bytes)
    return paths


def _fetch(file: PublishedFile, folder: Path, url: str) -> Path:
    """Return the file's path in `folder`; fetch it unless it is there and verified."""
    import pooch

    part = folder / f"{file.name}.part"
    try:
        path = pooch.retrieve(
            url,
            known_hash=f"sha256:{file.sha256}",
            fname=file.name,
            path=folder,
            downloader=lambda source, target, _: _continue(source, part, file.bytes, target),
        )
    except OSError as error:  # network errors are OSErrors too
        raise InputError(url, str(error), "a file that can be fetched; try again") from None
    except ValueError as error:
        # pooch says ".. expected sha256:KNOWN but got FOUND. Deleted .."
        found = str(error).partition(" but got ")[2].partition(".")[0] or str(error)
        raise InputError(url, found, f"a file with SHA-256 {file.sha256}") from None
    return Path(path)


def _continue(url: str, part: Path, size_bytes: int, target: str) -> None:
    """Fetch a URL into `part`, continue an earlier try, and move the result to `target`.

    The URL names a commit, so what came earlier is the start of the same file.
    """
    begun = part.stat().st_size if part.exists() else 0
    if begun < size_bytes:
        _append(url, part, begun)
    os.replace(part, target)


def _append(url: str, part: Path, begun: int) -> None:
    """Append a URL's bytes from `begun` on to `part`; fetch all if the server cannot continue."""
    import requests

    headers = {"Accept-Encoding": "identity"}  # a range counts bytes as they are sent
    if begun:
        headers["Range"] = f"bytes={begun}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        with part.open("ab" if resumed else "wb") as out:
            for chunk in response.iter_content(CHUNK_BYTES):
                out.write(chunk)
