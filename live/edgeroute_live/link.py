"""A TCP connection with the rate and delay of a radio link, between two machines on a desk.

Bytes are passed on when the link would have carried them: all connections share the uplink, and all
the downlink; both follow an SNR trace, which begins again at its end. No root, no kernel module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.physics import radio
from edgeroute_env.recordings.shapes import SnrRuns
from edgeroute_env.scenario import Radio

CHUNK_BYTES = 4096  # at once on the air: 1 ms at 33 Mbit/s
AT_ONCE_S = 2e-4  # a read that takes no longer found its bytes waiting
SLOWEST_BYTES_PER_S = 1.0
STEADY_S = 1.0

Floats = NDArray[np.float64]


class Air:
    """One direction of a link: when bytes that want to be sent will have been."""

    def __init__(self, ends_s: Floats, bytes_per_s: Floats) -> None:
        """Take piecewise constant rates: `ends_s` are the ends of the pieces, shape (n,)."""
        self._ends_s = np.concatenate(([0.0], ends_s))
        lengths_s = np.diff(self._ends_s)
        rates = np.maximum(bytes_per_s, SLOWEST_BYTES_PER_S)
        self._carried = np.concatenate(([0.0], np.cumsum(lengths_s * rates)))
        self._free_s = 0.0

    def send(self, at_s: float, size_bytes: float, waited: bool) -> float:
        """Take some bytes and return when the last of them has gone; times since the start.

        Bytes that the link has not `waited` for follow those before them without a gap.
        """
        begin_s = max(at_s, self._free_s) if waited else self._free_s
        self._free_s = self._when(self._so_far(begin_s) + size_bytes)
        return self._free_s

    def _so_far(self, at_s: float) -> float:
        """Return how many bytes the link could have carried by a time."""
        rounds, rest_s = divmod(at_s, float(self._ends_s[-1]))
        part = float(np.interp(rest_s, self._ends_s, self._carried))
        return rounds * float(self._carried[-1]) + part

    def _when(self, carried: float) -> float:
        """Return when the link could have carried so many bytes."""
        rounds, rest = divmod(carried, float(self._carried[-1]))
        part = float(np.interp(rest, self._carried, self._ends_s))
        return rounds * float(self._ends_s[-1]) + part


def airs(link: Radio, times_s: Floats, snr_db: Floats) -> tuple[Air, Air]:
    """Return uplink and downlink of a scenario's radio under SNR samples, shape (n,) each.

    A sample holds until the next one; the last one as long as the one before it.
    """
    law = radio.EFFICIENCY[link.rate]
    lowest = radio.lowest_snr_db(link.rate)
    efficiency = [law(max(float(value), lowest)) for value in snr_db]
    lengths_s = np.diff(times_s)
    lengths_s = np.append(lengths_s, lengths_s[-1] if len(lengths_s) else STEADY_S)
    ends_s = np.cumsum(np.maximum(lengths_s, 1e-3))
    up, down = (
        Air(
            ends_s,
            np.array(
                [1.0 / radio.seconds_per_byte(e, hertz, link.block_error_rate) for e in efficiency]
            ),
        )
        for hertz in (link.uplink_hz, link.downlink_hz)
    )
    return up, down


def one_run(runs: SnrRuns, run: int) -> tuple[Floats, Floats]:
    """Return the times (s) and SNRs (dB) of one run, each of shape (n,)."""
    chosen = runs.run == run
    if not chosen.any():
        known = ", ".join(map(str, np.unique(runs.run)[:20]))
        raise InputError("--run", run, f"one of {known}")
    return runs.time_s[chosen], runs.snr_db[chosen]


class Link:
    """Listens on one address and passes connections on to another, over the air."""

    def __init__(self, up: Air, down: Air, round_trip_s: float, to: tuple[str, int]) -> None:
        """Take both directions, the round trip of the empty link, and host and port behind it."""
        self._up, self._down = up, down
        self._delay_s = 0.5 * round_trip_s
        self._to = to
        self._server: asyncio.Server | None = None
        self._began_s = 0.0

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port, which is a free one for 0."""
        self._began_s = asyncio.get_running_loop().time()
        self._server = await asyncio.start_server(self._connect, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def serve(self) -> None:
        """Pass on until cancelled."""
        assert self._server is not None
        await self._server.serve_forever()

    async def stop(self) -> None:
        """Stop listening; connections end with their clients."""
        if self._server is not None:
            self._server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until both directions have ended, or one broke."""
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.ensure_future(self._pass(reader, far_writer, self._up)),
            asyncio.ensure_future(self._pass(far_reader, writer, self._down)),
        ]
        try:
            await asyncio.gather(*ways)
        except (OSError, asyncio.CancelledError):
            for end in (writer, far_writer):
                end.transport.abort()
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, far_writer):
                end.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, air: Air
    ) -> None:
        """Pass one direction on: each piece is on the air, then half a round trip away."""
        clock = asyncio.get_running_loop().time
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = asyncio.ensure_future(_deliver(pieces, writer, clock))
        first = True
        try:
            while not delivery.done():
                before_s = clock()
                piece = await reader.read(CHUNK_BYTES)
                now_s = clock()
                waited, first = first or now_s - before_s > AT_ONCE_S, False
                sent_s = now_s
                if piece:
                    sent_s = self._began_s + air.send(now_s - self._began_s, len(piece), waited)
                pieces.put_nowait((sent_s + self._delay_s, piece))
                if not piece:
                    break
                await asyncio.sleep(max(0.0, sent_s - clock()))
            await delivery
        finally:
            delivery.cancel()


async def _deliver(
    pieces: asyncio.Queue[tuple[float, bytes]],
    writer: asyncio.StreamWriter,
    clock: Callable[[], float],
) -> None:
    """Write each piece when it is due; an empty one ends the direction."""
    while True:
        due_s, piece = await pieces.get()
        await asyncio.sleep(max(0.0, due_s - clock()))
        if not piece:
            if writer.can_write_eof():
                writer.write_eof()
            return
        writer.write(piece)
        await writer.drain()
