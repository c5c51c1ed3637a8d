"""What the proxy of `edgeroute live serve` adds to a request, and what streams it carries.

    python studies/live_overhead.py

A fake server and the proxy run in processes of their own, the proxy on one core. The time to first
token is measured directly and through the proxy in turn, so that both meet the same machine; the
proxy's decision is in it, the encoder's time is not (the score is a number here). The machine's
load and the proxy's own CPU time stand beside the times, since other work on the machine adds to
both times.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import yaml

from edgeroute_live.sse import ChatStream, says_something

REQUESTS, STREAMS, TOKENS = 300, 200, 100
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def process(*words: str, begins: str, core: int | None = None) -> Iterator[tuple[str, int]]:
    """Run a program; yield the address that it prints after `begins`, and its number."""

    def pin() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pin) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            yield next(word for word in line.split() if word.startswith(begins)), running.pid
        finally:
            running.terminate()


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has taken, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def ask(client: aiohttp.ClientSession, url: str, tokens: int) -> tuple[float, int]:
    """Return the time to first token (s) and the number of chunks with text."""
    body = {"model": "edgeroute", "stream": True, "max_tokens": tokens}
    body["messages"] = [{"role": "user", "content": "Why is the sky blue? Please tell me."}]
    stream, first_s, chunks, begun_s = ChatStream(), 0.0, 0, time.perf_counter()
    async with client.post(f"{url}/chat/completions", json=body) as response:
        async for received in response.content.iter_any():
            said = sum(says_something(chunk) for chunk in stream.feed(received))
            if said and not chunks:
                first_s = time.perf_counter() - begun_s
            chunks += said
    stream.close()
    return first_s, chunks


async def measured(direct: str, proxied: str, pid: int) -> None:
    """Print both measurements."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        for url in (direct, proxied):
            await ask(client, url, 2)
        times: dict[str, list[float]] = {direct: [], proxied: []}
        before_s = cpu_s(pid)
        for _ in range(REQUESTS):
            for url, found in times.items():
                found.append((await ask(client, url, 2))[0])
        request_cpu_s = (cpu_s(pid) - before_s) / REQUESTS
        added = [b - a for a, b in zip(*times.values(), strict=True)]
        low, middle, high = statistics.quantiles(added, n=4)
        one, two = (1e3 * statistics.median(found) for found in times.values())
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"time to first token: {one:.2f} ms directly, {two:.2f} ms through the proxy")
        print(f"added: median {1e3 * middle:.2f} ms, quartiles {1e3 * low:.2f}, {1e3 * high:.2f}")
        print(f"CPU time of the proxy: {1e3 * request_cpu_s:.2f} ms a request")
        before_s, begun_s = cpu_s(pid), time.perf_counter()
        counts = await asyncio.gather(*(ask(client, proxied, TOKENS) for _ in range(STREAMS)))
        took_s, used_s = time.perf_counter() - begun_s, cpu_s(pid) - before_s
        chunks = sum(count for _, count in counts)
        lost = STREAMS * TOKENS - chunks
        print(f"{STREAMS} streams at once: {chunks} chunks in {took_s:.1f} s, {lost} lost")
        print(f"CPU time of the proxy: {1e6 * used_s / chunks:.0f} us a chunk")


def main() -> None:
    """Start the server and the proxy, and measure."""
    server = ("edgeroute_live.fake", "--prefill-fixed-s", "0.005", "--prefill-s-per-token", "1e-6")
    server += ("--decode-fixed-s", "0.05", "--slots", "1000")
    with process(*server, begins="http") as (direct, _), tempfile.TemporaryDirectory() as folder:
        side = {"url": direct, "model": "fake-model"}
        settings = {"device": side, "edge": side, "scenario": "mtbench101"}
        settings |= {"scorer": 0.3, "port": 0, "log": f"{folder}/turns.jsonl"}
        path = Path(folder) / "live.yaml"
        path.write_text(yaml.safe_dump(settings))
        words = ("edgeroute_env", "live", "serve", str(path))
        with process(*words, begins="http", core=0) as (proxied, pid):
            asyncio.run(measured(direct, proxied, pid))


if __name__ == "__main__":
    main()
