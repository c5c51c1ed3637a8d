"""A Ray cluster of two nodes does the work, and writes what one process writes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")
TINY = "extends: paper\nname: tiny\ndescription: made by a test\nworkload: {turns: 6}\n"
OUT = ("--quiet", "--out", "out")
SIZES = (
    "num_envs=2 frames=256 validate_every=128 distilled_turns=0 validation_episodes=4 n_steps=64"
    " batch_size=64 widths=[8] quality=sampled"
)
SMALL = [part for size in SIZES.split() for part in ("--set", size)]
ROUTERS = ("--routers", "linucb,random,rollout,clairvoyant")
COMMANDS = {
    "benchmark": ("benchmark", "tiny.yaml", "--episodes", "4", *ROUTERS, *OUT),
    "fit": ("fit", "pacing", "-s", "tiny.yaml", "--quiet"),
    "sweep": ("sweep", "load", "--values", "0.2,0.9", "--episodes", "4", *OUT),
    "tune": ("tune", "ppo", "--trials", "3", *OUT, *SMALL),
}
KEPT = {".json", ".csv", ".txt", ".yaml", ".safetensors"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a cluster of two nodes on this machine, a processor each."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster.address
    cluster.shutdown()


def edgeroute(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgeroute_env", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_cluster_writes_the_same_files(
    name: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path / "data"))
    (tmp_path / "tiny.yaml").write_text(TINY)
    found = []
    for where in ((), ("--cluster", address)):
        ended = edgeroute(*COMMANDS[name], *where)
        assert ended.returncode == 0, ended.stderr[-3000:]
        paths = [path for top in ("out", "data/fits") for path in sorted(Path(top).rglob("*"))]
        files = {str(path): path.read_bytes() for path in paths if path.suffix in KEPT}
        found.append((files, ended.stdout))
        for folder in ("out", "data/fits"):
            shutil.rmtree(folder, ignore_errors=True)
    assert found[0][0]
    assert found[0] == found[1]


def where_and_how_often(step: object, folder: Path, number: int) -> tuple[str, int]:
    """Return the node; the worker of the first try of number 1 is killed, 2 and 3 meet."""
    import os
    import signal
    import time

    tries = folder / str(number)
    with tries.open("a") as file:
        file.write(".")
    if number == 1 and tries.stat().st_size == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    until = time.monotonic() + 120
    while number in (2, 3) and not (folder / str(5 - number)).exists() and time.monotonic() < until:
        time.sleep(0.05)
    return ray.get_runtime_context().get_node_id(), tries.stat().st_size


def test_both_nodes_work_and_a_killed_worker_loses_its_own_task(
    address: str, tmp_path: Path
) -> None:
    from edgeroute_env.parallel import Plan, Task, outcome, travels, workers

    travels(sys.modules[__name__])

    def plan() -> Plan[list[tuple[str, int]]]:
        return (yield [Task(f"task {k}", where_and_how_often, (tmp_path, k)) for k in range(8)])

    by = workers(cluster=address)
    assert by.jobs == 2
    found = outcome(plan(), by)
    ray.shutdown()
    assert len({node for node, _ in found}) == 2
    assert found[1][1] == 2
    assert sum(tries for _, tries in found) <= len(found) + 2  # and one that was beside it


def test_what_is_no_cluster_is_one_clear_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    ended = edgeroute("fit", "pacing", "--cluster", nobody)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"edgeroute: --cluster: got '{nobody}'; allowed: the address of")
    assert ended.stderr.count("\n") == 1
