"""Workers on a Ray cluster, through joblib's Ray backend."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any

import ray
from joblib import register_parallel_backend
from ray.util.joblib.ray_backend import RayBackend

from edgeroute_env.errors import InputError, shown
from edgeroute_env.parallel import Workers

BACKEND = "edgeroute-ray"
PATIENCE_S = 10.0


class Streaming(RayBackend):  # type: ignore[misc]
    """Ray's backend, but results come as they end, and each task goes to an idle worker.

    Ray's own gives tasks to its workers in turn, so that one waits behind a long one while other
    workers idle.
    """

    supports_return_generator = True
    _pool: Any  # Ray's

    def configure(self, *given: Any, **named: Any) -> Any:
        """Start the workers; all are idle."""
        jobs = super().configure(*given, **named)
        self._workers = jobs
        self._idle = deque(range(jobs))
        return jobs

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None]) -> Any:
        """Hand a task to an idle worker; there is one, since no more tasks are under way."""
        worker = self._idle.popleft()
        self._pool._current_index = worker - 1  # it takes the next one

        def ended(result: Any) -> None:
            self._idle.append(worker)
            callback(result)

        return super().submit(func, ended)

    def terminate(self) -> None:
        """End the workers. Idle ones end by themselves: Ray tells, on stdout, of those it kills."""
        if self._pool is not None and len(self._idle) == self._workers:
            self._pool.close()
            self._pool.join()
            self._pool = None
        super().terminate()


def connected(address: str, jobs: int | None) -> Workers:
    """Return workers of the cluster at an address: `jobs`, or one for each of its processors.

    Raises:
        InputError: no cluster answers there, or one without processors.
    """
    try:
        _reach(address)
        ray.init(address, log_to_driver=False, logging_level="error")
        processors = int(ray.cluster_resources().get("CPU", 0))
    except Exception as error:  # each part of Ray has its own
        allowed = f"the address of a running Ray cluster ({shown(str(error))})"
        raise InputError("--cluster", address, allowed) from None
    if not processors:
        raise InputError("--cluster", address, "a cluster that has processors; it has none yet")
    register_parallel_backend(BACKEND, Streaming)
    settings = (("ray_remote_args", {"num_cpus": 1}),)
    deaths = (ray.exceptions.RayActorError,)
    return Workers(min(processors, jobs or processors), BACKEND, settings, deaths)


def _reach(address: str) -> None:
    """Raise an OSError where nothing listens at HOST:PORT; Ray itself would try for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if host in ("127.0.0.1", "localhost"):
        host = ray.util.get_node_ip_address()  # what Ray takes for it
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), PATIENCE_S).close()
