"""`edgeroute live serve` as a program: it says where it listens, serves, and ends when told to."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from edgeroute_live.fake import Behaviour, FakeServer, in_thread
from tests.helpers.command_line import Command
from tests.helpers.live import FAST, HELLO


def settings(folder: Path, device: str, edge: str, port: int) -> Path:
    path = folder / "live.yaml"
    sides = {"device": {"url": device}, "edge": {"url": edge}}
    path.write_text(json.dumps({**sides, "scenario": "mtbench101", "scorer": 0.3, "port": port}))
    return path


@pytest.mark.slow
def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    one, two = FakeServer(Behaviour(**FAST)), FakeServer(Behaviour(**FAST))
    with in_thread(one, two):
        command = [sys.executable, "-m", "edgeroute_env", "live", "serve"]
        command.append(str(settings(tmp_path, one.url, two.url, 0)))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
            assert serving.stdout is not None
            url = serving.stdout.readline().split()[0]
            body = json.dumps({"model": "edgeroute", "messages": HELLO, "max_tokens": 3})
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(f"{url}/chat/completions", body.encode(), headers)
            answer = json.load(urllib.request.urlopen(request))
            assert answer["choices"][0]["message"]["content"] == " word" * 3
            serving.send_signal(signal.SIGTERM)
            assert serving.wait(30) == 0


@pytest.mark.slow
def test_a_port_that_is_taken_and_bad_settings_are_one_error(
    tmp_path: Path, edgeroute: Command
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = settings(tmp_path, "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1", port)
        ended = edgeroute("live", "serve", str(path))
    assert (ended.code, "an address that is free" in ended.err) == (2, True)
    path.write_text("device: 3")
    ended = edgeroute("live", "serve", str(path))
    assert (ended.code, "device" in ended.err) == (2, True)
