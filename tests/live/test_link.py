"""The link carries what its SNR trace says, and a connection through it stays whole."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from edgeroute_env import InputError, load_scenario
from edgeroute_env.recordings.shapes import SnrRuns
from edgeroute_live.link import Air, Link, airs, one_run


def test_bytes_go_at_the_rate_of_the_moment() -> None:
    air = Air(np.array([1.0, 2.0]), np.array([100.0, 300.0]))
    assert air.send(0.5, 50.0, True) == pytest.approx(1.0)
    assert air.send(1.0, 300.0, True) == pytest.approx(2.0)
    assert air.send(2.0, 400.0, True) == pytest.approx(4.0)  # the trace begins again
    assert air.send(3.0, 100.0, False) == pytest.approx(5.0)  # behind those before
    assert air.send(7.5, 30.0, True) == pytest.approx(7.6)


def test_rates_are_those_of_the_scenarios_radio() -> None:
    link = load_scenario("paper").radio
    up, down = airs(link, np.array([0.0, 1.0]), np.array([20.0, 20.0]))
    ratio = up.send(0.0, 1e6, True) / down.send(0.0, 1e6, True)
    assert ratio == pytest.approx(link.downlink_hz / link.uplink_hz)


def test_a_run_that_is_not_there_is_named() -> None:
    runs = SnrRuns(run=np.zeros(2, int), time_s=np.arange(2.0), snr_db=np.ones(2))
    with pytest.raises(InputError, match="--run: got 7"):
        one_run(runs, 7)


def test_a_connection_gets_the_rate_and_the_delay() -> None:
    sent, rate, round_trip_s = 250_000, 500_000.0, 0.1

    async def upload() -> tuple[float, bytes]:
        async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            content = await reader.read(-1)
            writer.write(str(len(content)).encode())
            writer.close()

        server = await asyncio.start_server(count, "127.0.0.1", 0)
        steady = np.array([1.0])
        up, down = Air(steady, np.array([rate])), Air(steady, np.array([1e9]))
        link = Link(up, down, round_trip_s, server.sockets[0].getsockname()[:2])
        port = await link.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began_s = time.perf_counter()
        writer.write(b"x" * sent)
        writer.write_eof()
        answer = await reader.read(-1)
        took_s = time.perf_counter() - began_s
        writer.close()
        await link.stop()
        server.close()
        return took_s, answer

    took_s, answer = asyncio.run(upload())
    assert answer == str(sent).encode()
    # A busy machine is late, never early.
    assert sent / rate + round_trip_s - 0.01 < took_s < 3.0 * (sent / rate + round_trip_s)
