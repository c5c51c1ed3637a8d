"""docs/live-own-models.md, walked with two fake servers in place of its addresses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("torch")

from edgeroute_live.fake import FakeServer, in_thread
from tests.helpers.command_line import Command
from tests.helpers.known_servers import DEVICE, EDGE

PAGE = Path(__file__).parents[2] / "docs" / "live-own-models.md"
ADDRESSES = ("http://127.0.0.1:8081/v1", "http://127.0.0.1:8082/v1")


@pytest.mark.slow
@pytest.mark.training
def test_every_command_of_the_page_works(edgeroute_small: Command) -> None:
    servers = FakeServer(DEVICE), FakeServer(EDGE)
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    commands = "".join(blocks).splitlines()
    assert len(commands) >= 5
    with in_thread(*servers):
        for line in commands:
            for address, server in zip(ADDRESSES, servers, strict=True):
                line = line.replace(address, server.url)
            ended = edgeroute_small(*shlex.split(line)[1:])
            assert ended.code == 0, f"{line}\n{ended.out}\n{ended.err}"
