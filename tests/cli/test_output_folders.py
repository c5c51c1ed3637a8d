"""A folder for output is made, and what an earlier run left there is not touched unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeroute_env import InputError
from edgeroute_env.files import open_folder


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
