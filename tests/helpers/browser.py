"""Headless Chromium, where one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = os.environ.get("CHROME") or next(filter(None, map(shutil.which, BROWSERS)), None)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on the path or in $CHROME"
)


def browse(page: Path, *options: str, fragment: str = "") -> str:
    """Open a page, fail where it writes to the console, and return what Chromium prints."""
    quiet = ("--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr")
    address = page.absolute().as_uri() + fragment
    ended = subprocess.run(
        [str(CHROMIUM), *quiet, *options, address],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "CONSOLE" not in ended.stderr, ended.stderr
    return ended.stdout
