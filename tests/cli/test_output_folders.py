"""Output is never half written, and what an earlier run left is not touched unasked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeroute_env import InputError
from edgeroute_env.files import open_folder, refuse_overwrite, replacing

WRITER = """
import sys, time
from pathlib import Path
from edgeroute_env.files import replacing
with replacing(Path(sys.argv[1])) as part:
    part.write_text("half")
    print(part, flush=True)
    time.sleep(60)
"""


def test_a_folder_is_made_or_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    for _ in range(2):
        open_folder(folder, ("page.html",), overwrite=False)
        assert folder.is_dir()
    (folder / "other.txt").touch()
    open_folder(folder, ("page.html",), overwrite=False)


def test_what_is_there_needs_leave(tmp_path: Path) -> None:
    (tmp_path / "b.csv").touch()
    with pytest.raises(InputError, match=r"a folder without b.csv, or --overwrite$"):
        open_folder(tmp_path, ("a.json", "b.csv"), overwrite=False)
    with pytest.raises(InputError, match=r"without b.csv, --overwrite or --resume$"):
        open_folder(tmp_path, ("a.json", "b.csv"), overwrite=False, resume=False)
    open_folder(tmp_path, ("a.json", "b.csv"), overwrite=False, resume=True)
    open_folder(tmp_path, ("a.json", "b.csv"), overwrite=True)


def test_a_place_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--out: .*a usable folder"):
        open_folder(tmp_path / "file", (), overwrite=True)
    (tmp_path / "page.html").mkdir()
    with pytest.raises(InputError, match=r"a folder where page.html is no folder"):
        open_folder(tmp_path, ("page.html",), overwrite=True)


def write(path: Path, text: str = "new") -> None:
    with replacing(path) as part:
        part.write_text(text)


def test_a_planted_link_is_never_written_through(tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_text("gold")
    folder = tmp_path / "out"
    folder.mkdir()
    for name in (f".a.{os.getpid()}.part", ".a.0123456789abcdef.part", "a"):
        (folder / name).symlink_to(treasure)
    write(folder / "a")
    assert treasure.read_text() == "gold"
    assert (folder / "a").read_text() == "new"
    assert not (folder / "a").is_symlink()


def test_names_of_parts_differ(tmp_path: Path) -> None:
    parts = set()
    for _ in range(3):
        with replacing(tmp_path / "a") as part:
            parts.add(part)
    assert len(parts) == 3


def test_permissions_are_those_of_any_file_or_of_the_replaced_one(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain", tmp_path / "a"
    before = os.umask(0o027)
    try:
        plain.touch()
        write(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode == plain.stat().st_mode
    path.chmod(0o604)
    write(path)
    assert path.stat().st_mode & 0o777 == 0o604


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def fail(error: Exception) -> None:
        with replacing(path) as part:
            part.write_text("half")
            raise error

    for error, seen in ((RuntimeError(), RuntimeError), (OSError(28, "full"), InputError)):
        with pytest.raises(seen):
            fail(error)
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["a"]


@pytest.mark.thorough
def test_the_next_writer_removes_what_a_killed_one_left_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a[1]"
    command = [sys.executable, "-c", WRITER, str(path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running, killed = (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) for _ in range(2)
    )
    try:
        parts = []
        for each in (running, killed):
            assert each.stdout is not None
            parts.append(Path(each.stdout.readline().strip()))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert all(part.is_file() for part in parts)
        fresh, stale = (tmp_path / f".a[1].{name}.part" for name in ("fresh", "stale"))
        for empty in (fresh, stale):
            empty.touch()
        os.utime(stale, (time.time() - 3600,) * 2)
        write(path)
        assert {part.name for part in tmp_path.glob(".*")} == {parts[0].name, fresh.name}
    finally:
        for each in (running, killed):
            each.kill()
            each.communicate()


def test_a_device_and_a_link_to_nothing_are_not_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="a plain file"):
        write(pipe)
    with pytest.raises(InputError, match="a plain file"):
        refuse_overwrite(pipe, overwrite=True)
    link.symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError, match="does not exist yet, or --overwrite"):
        refuse_overwrite(link, overwrite=False)
