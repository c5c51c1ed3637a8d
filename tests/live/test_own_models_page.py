"""docs/live-own-models.md, walked with two fake servers in place of its addresses."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("torch")

from edgeroute_live.fake import FakeServer, in_thread
from edgeroute_live.log import read_log
from tests.helpers.command_line import Command
from tests.helpers.known_servers import DEVICE, EDGE

PAGE = Path(__file__).parents[2] / "docs" / "live-own-models.md"
ADDRESSES = ("http://127.0.0.1:8081/v1", "http://127.0.0.1:8082/v1")
PROXY = "http://127.0.0.1:8000/v1"


def blocks(language: str) -> list[str]:
    fences = rf"^```{language}\n(.*?)^```$"
    return re.findall(fences, PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@contextmanager
def serving(settings: str) -> Iterator[str]:
    """Run `edgeroute live serve` with the page's settings; give its address."""
    Path("live.yaml").write_text(settings + "port: 0\n")
    command = [sys.executable, "-m", "edgeroute_env", "live", "serve", "live.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        yield proxy.stdout.readline().split()[0]
        proxy.send_signal(signal.SIGINT)
        assert proxy.wait(60) == 0


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_command_of_the_page_works(edgeroute_small: Command) -> None:
    servers = FakeServer(DEVICE), FakeServer(EDGE)
    with in_thread(*servers):

        def here(text: str) -> str:
            for address, server in zip(ADDRESSES, servers, strict=True):
                text = text.replace(address, server.url)
            return text

        def run(block: str) -> None:
            for line in here(block).splitlines():
                ended = edgeroute_small(*shlex.split(line)[1:])
                assert ended.code == 0, f"{line}\n{ended.out}\n{ended.err}"

        *before, after = blocks("bash")
        assert len(before) == 3
        for block in before:
            run(block)
        (settings,) = blocks("yaml")
        (questions,) = (block for block in blocks("console") if "curl" in block)
        with serving(here(settings)) as proxy:
            subprocess.run(["bash", "-c", questions.replace(PROXY, proxy)], check=True)
        assert len(read_log([Path("turns.jsonl")])) == 16
        run(after)
    assert "answer_tokens_edge" in Path("logged/trace.csv").read_text()
    assert Path("compare/compare.html").is_file()
