"""Published files are fetched whole, verified and only once; served here from this machine."""

from __future__ import annotations

import csv
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgeroute_env.errors import InputError
from edgeroute_env.recordings import downloads
from edgeroute_env.recordings.downloads import data_file, data_folder, datasets, download, published
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.recorded import recorded_files

CONTENT = {"a.csv": b"a" * 300_000, "b.csv": bytes(range(256)) * 500, "c.csv": b"tiny"}


@dataclass
class Mirror:
    """A local server of CONTENT that notes what it is asked and can be told to misbehave."""

    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # file name, Range
    content: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    stop_after_bytes: int | None = None
    ranges: bool = True


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    told = Mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, wanted = self.path.rpartition("/")[2], self.headers.get("Range")
            told.asked.append((name, wanted))
            if name not in told.content:
                self.send_error(404)
                return
            body, start = told.content[name], 0
            if wanted and told.ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start : told.stop_after_bytes])

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        told.url = f"http://127.0.0.1:{server.server_port}"
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def toy_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Replace the published files by those of CONTENT where a test uses the mirror."""
    if "mirror" not in request.fixturenames:
        return
    table = tmp_path / "catalog" / "published_files.csv"
    table.parent.mkdir()
    with table.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow("dataset repository commit path bytes sha256 licence format".split())
        for name, content in CONTENT.items():
            digest = hashlib.sha256(content).hexdigest()
            rows.writerow(["toy", "o/r", "0f", f"data/{name}", len(content), digest, "MIT", "csv"])
    monkeypatch.setattr(downloads, "config_path", tmp_path.joinpath)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def get(mirror: Mirror, folder: Path) -> list[Path]:
    return list(download("toy", folder, base_url=mirror.url, progress=False).values())


def parts_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def begun(folder: Path, content: bytes, name: str = ".a.csv.0f3x.part") -> Path:
    """Return what an interrupted download of a.csv left behind."""
    part = folder / "toy" / "data" / name
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    return part


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_every_file_arrives_whole(mirror: Mirror, folder: Path) -> None:
    paths = get(mirror, folder)
    assert {path.name: path.read_bytes() for path in paths} == CONTENT
    assert {path.parent for path in paths} == {folder / "toy" / "data"}
    assert names_in(folder) == set(CONTENT)
    assert [name for name, _ in mirror.asked] == list(CONTENT)


def test_verified_files_are_not_fetched_again(mirror: Mirror, folder: Path) -> None:
    get(mirror, folder)
    mirror.asked.clear()
    get(mirror, folder)
    assert mirror.asked == []
    (folder / "toy" / "data" / "b.csv").write_bytes(b"altered")
    get(mirror, folder)
    assert mirror.asked == [("b.csv", None)]
    assert (folder / "toy" / "data" / "b.csv").read_bytes() == CONTENT["b.csv"]


@pytest.mark.parametrize("wrong", [b"x" * 300_000, b"short", b"x" * 300_001])
def test_a_wrong_hash_is_one_error_and_leaves_nothing(
    wrong: bytes, mirror: Mirror, folder: Path
) -> None:
    mirror.content["a.csv"] = wrong
    with pytest.raises(InputError) as caught:
        get(mirror, folder)
    message = str(caught.value)
    assert "a.csv" in message
    for content in (CONTENT["a.csv"], wrong[: len(CONTENT["a.csv"]) + 1]):
        assert hashlib.sha256(content).hexdigest() in message
    assert names_in(folder) == set()


def test_an_interrupted_file_is_continued(mirror: Mirror, folder: Path) -> None:
    mirror.stop_after_bytes = 100_000
    with pytest.raises(InputError, match=r"a\.csv"):
        get(mirror, folder)
    (part,) = parts_in(folder)
    size = part.stat().st_size
    assert 0 < size <= 100_000
    mirror.stop_after_bytes = None
    mirror.asked.clear()
    get(mirror, folder)
    assert mirror.asked == [("a.csv", f"bytes={size}-"), ("b.csv", None), ("c.csv", None)]
    assert {path.name: path.read_bytes() for path in (folder / "toy" / "data").iterdir()} == CONTENT


def test_a_server_without_ranges_sends_the_file_again(mirror: Mirror, folder: Path) -> None:
    begun(folder, CONTENT["a.csv"][:1000])
    mirror.ranges = False
    get(mirror, folder)
    assert (folder / "toy" / "data" / "a.csv").read_bytes() == CONTENT["a.csv"]
    assert names_in(folder) == set(CONTENT)


def test_a_complete_part_is_only_verified(mirror: Mirror, folder: Path) -> None:
    begun(folder, CONTENT["a.csv"])
    get(mirror, folder)
    assert "a.csv" not in {name for name, _ in mirror.asked}
    assert names_in(folder) == set(CONTENT)


def test_a_part_of_another_file_fails_once_and_is_gone(mirror: Mirror, folder: Path) -> None:
    begun(folder, b"zzz")
    with pytest.raises(InputError, match=r"a\.csv"):
        get(mirror, folder)
    assert names_in(folder) == set()
    assert len(get(mirror, folder)) == 3


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_a_planted_link_is_never_written_through(
    link: str, mirror: Mirror, folder: Path, tmp_path: Path
) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_bytes(b"mine")
    part = begun(folder, b"")
    part.unlink()
    if link == "symbolic":
        part.symlink_to(treasure)
    else:
        part.hardlink_to(treasure)
    assert len(get(mirror, folder)) == 3
    assert treasure.read_bytes() == b"mine"


def test_no_more_bytes_are_taken_than_stated(mirror: Mirror, folder: Path) -> None:
    mirror.content["a.csv"] = b"a" * 50_000_000
    with pytest.raises(InputError, match="300000 bytes"):
        get(mirror, folder)
    assert names_in(folder) == set()


def test_a_local_folder_serves_as_a_mirror(mirror: Mirror, folder: Path, tmp_path: Path) -> None:
    for name, content in CONTENT.items():
        path = tmp_path / "copy" / "o" / "r" / "0f" / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    begun(folder, CONTENT["a.csv"][:1000])
    paths = download("toy", folder, base_url=str(tmp_path / "copy"), progress=False)
    assert {path.name: path.read_bytes() for path in paths.values()} == CONTENT
    assert mirror.asked == []
    path.unlink()
    with pytest.raises(InputError, match=r"No such file.*c\.csv"):
        download("toy", tmp_path / "other", base_url=str(tmp_path / "copy"), progress=False)


def test_a_missing_file_is_one_error_and_keeps_what_came(mirror: Mirror, folder: Path) -> None:
    del mirror.content["b.csv"]
    with pytest.raises(InputError, match=r"404.*b\.csv"):
        get(mirror, folder)
    assert names_in(folder) == {"a.csv"}


def test_no_server_is_one_error(mirror: Mirror, folder: Path) -> None:
    mirror.url = "http://127.0.0.1:9"
    with pytest.raises(InputError, match=r"a\.csv"):
        get(mirror, folder)
    assert names_in(folder) == set()


def test_the_default_folder_is_the_data_folder(
    mirror: Mirror, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEROUTE_DATA", str(folder))
    download("toy", base_url=mirror.url, progress=True)
    assert data_file("toy/data/c.csv").read_bytes() == CONTENT["c.csv"]


def test_data_lie_in_the_named_folder_else_in_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    with pytest.raises(InputError, match="set EDGEROUTE_DATA to the folder"):
        data_file("absent.csv")
    for name in recorded_files(load_scenario("mmlu")):
        with pytest.raises(InputError, match=f"{name}.*run: edgeroute data get [a-z0-9]+, or set"):
            data_file(name)
    monkeypatch.delenv("EDGEROUTE_DATA")
    assert data_folder().name == "edgeroute"


def test_the_packaged_registry_is_complete() -> None:
    files = published()
    assert len(files) == 156
    assert len({(file.dataset, file.path) for file in files}) == 156
    for file in files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert re.fullmatch(r"[0-9a-f]{40}", file.commit)
        assert file.bytes > 0
        assert file.licence
        expected = f"/{file.repository}/{file.commit}/{file.path}"
        assert file.url() == "https://raw.githubusercontent.com" + expected
    totals = datasets()
    assert sum(total.files for total in totals.values()) == 156
    for name, total in totals.items():
        assert total.bytes == sum(file.bytes for file in published(name))
    with pytest.raises(InputError, match="one of mmlu, gsm8k, "):
        published("nothing")
