"""Work in parts that may run side by side: in this process, in several, or on a Ray cluster.

A plan is a generator. It yields lists of tasks that do not need each other, is sent their results
in the order of the tasks, and returns what it is made for. A task is given all that it works with
and shares nothing. So results are the same to the bit wherever tasks run, and in any order.
"""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from edgeroute_env.errors import InputError, needs

T = TypeVar("T")
Step = Callable[[int], None]  # takes how many steps of a task have been done since its last call


@dataclass(frozen=True)
class Task:
    """One part of the work.

    Attributes:
        name: what an error calls it.
        work: does it, as `work(step, *arguments)`; another process gets a copy of both.
        arguments: all that it works with.
        steps: its weight in a progress bar.
        keep: takes the result, in this process, as soon as it is there.
    """

    name: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    steps: int = 1
    keep: Callable[[Any], None] = lambda result: None


Plan = Generator[Sequence[Task], list[Any], T]


class WorkerDied(RuntimeError):
    """A second worker has died over one task."""


@dataclass(frozen=True)
class Workers:
    """Where tasks run, at most `jobs` of them at a time.

    Attributes:
        jobs: how many.
        backend: joblib's name of what runs them; None is this very process.
        settings: what joblib hands on to the backend.
        deaths: the exceptions by which it tells that a worker has died.
        tell: takes the steps done so far, and those known of so far, for a progress bar.
    """

    jobs: int = 1
    backend: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    deaths: tuple[type[Exception], ...] = (BrokenProcessPool,)
    tell: Callable[[int, int], None] = lambda done, known: None

    def finished(self, tasks: Sequence[Task], step: Step) -> Iterator[tuple[int, Any]]:
        """Yield the places and results of tasks as they end.

        `step` follows a task that runs in this process. Tasks under way when a worker dies run
        again, once. Where the caller stops, so do all workers.

        Raises:
            WorkerDied: a second worker has died over a task.
        """
        if self.backend is None:
            for place, task in enumerate(tasks):
                yield place, task.work(step, *task.arguments)
            return
        left, deaths = dict(enumerate(tasks)), Counter[int]()
        while left:
            begun: list[int] = []
            results = self._run(dict(left), begun)
            try:
                for place, packed in results:
                    del left[place]
                    yield place, pickle.loads(packed)
            except self.deaths:
                deaths.update(lost := [place for place in begun if place in left])
                if twice := [left[place].name for place in lost if deaths[place] > 1]:
                    raise WorkerDied(f"workers died twice over {' or '.join(twice)}") from None
            finally:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # joblib's, of work that is left undone
                    results.close()

    def _run(
        self, tasks: dict[int, Task], begun: list[int]
    ) -> Generator[tuple[int, bytes], None, None]:
        """Yield places and packed results as tasks end; `begun` gets each task's as it begins."""
        from joblib import Parallel, delayed, parallel_config

        def calls() -> Iterator[Any]:
            for place, task in tasks.items():
                begun.append(place)
                yield delayed(_worked)(place, _packed((task.work, task.arguments)))

        with parallel_config(self.backend, n_jobs=self.jobs, **dict(self.settings)):
            run = Parallel(
                return_as="generator_unordered",
                batch_size=1,
                pre_dispatch="n_jobs",  # so that what has begun is under way, not in a queue
            )
        yield from run(calls())


HERE = Workers()


def workers(jobs: int | None = None, cluster: str | None = None) -> Workers:
    """Return so many workers: processes of this machine, or of the Ray cluster at an address.

    Without a number it is one here, and as many as there are processors in a cluster.

    Raises:
        InputError: a package is missing, or the cluster cannot be reached.
    """
    if jobs is not None and jobs < 1:
        raise InputError("--jobs", jobs, "1 or more")
    if cluster is not None:
        with needs("--cluster", "cluster"):
            from edgeroute_env.cluster import connected
        return connected(cluster, jobs)
    if jobs is None or jobs == 1:
        return HERE
    with needs("--jobs", "cli"):
        import cloudpickle  # noqa: F401
        import joblib  # noqa: F401
    return Workers(jobs, "loky", (("inner_max_num_threads", 1),))


def carried_out(plans: Iterable[Plan[T]], by: Workers = HERE) -> Iterator[tuple[int, T]]:
    """Yield the places of plans and what they return, as they end.

    As many plans are under way as there are workers, for memory's sake.
    """
    coming, steps = enumerate(plans), _Steps(by.tell)
    under_way: dict[int, _Begun] = {}
    while True:
        started = list(itertools.islice(coming, by.jobs - len(under_way)))
        for place, plan in started:
            under_way[place] = _Begun(plan)
            yield from _gone_on(under_way, place)
        if not under_way and not started:
            return
        parts = [
            (place, k, task)
            for place, begun in under_way.items()
            for k, task in enumerate(begun.tasks)
        ]
        steps.known += sum(task.steps for *_, task in parts)
        for at, result in by.finished([task for *_, task in parts], steps.add):
            place, k, task = parts[at]
            task.keep(result)
            steps.end(task)
            begun = under_way[place]
            begun.results[k] = result
            if len(begun.results) == len(begun.tasks):
                yield from _gone_on(under_way, place)


def outcome(plan: Plan[T], by: Workers = HERE) -> T:
    """Return what one plan returns."""
    ((_, found),) = carried_out([plan], by)
    return found


def travels(module: ModuleType) -> None:
    """Let a module that other processes cannot import go to them with the tasks that need it."""
    _TRAVELLING.append(module)


_TRAVELLING: list[ModuleType] = []


@dataclass
class _Begun:
    """A plan under way: the tasks that it waits for, and their results so far, by place."""

    plan: Plan[Any]
    tasks: Sequence[Task] = ()
    results: dict[int, Any] = field(default_factory=dict)
    started: bool = False


def _gone_on(under_way: dict[int, _Begun], place: int) -> Iterator[tuple[int, Any]]:
    """Take a plan to its next tasks; yield its place and what it returns where it has ended."""
    begun = under_way[place]
    try:
        while len(begun.results) == len(begun.tasks):
            found: Any = [begun.results[k] for k in range(len(begun.tasks))]
            if not begun.started:
                found = None  # what a generator's first send must be
            begun.tasks = begun.plan.send(found)
            begun.started, begun.results = True, {}
    except StopIteration as ended:
        del under_way[place]
        yield place, ended.value


@dataclass
class _Steps:
    """Counts the steps of all plans together."""

    tell: Callable[[int, int], None]
    known: int = 0
    ended: int = 0  # of these, the steps of tasks that have ended
    begun: int = 0  # and those done of a task under way in this process

    def add(self, steps: int) -> None:
        """Count steps of the task under way."""
        self.begun += steps
        self.tell(min(self.ended + self.begun, self.known), self.known)

    def end(self, task: Task) -> None:
        """Count a task as done, whatever it told of its steps."""
        self.ended, self.begun = self.ended + task.steps, 0
        self.tell(self.ended, self.known)


def _worked(place: int, packed: bytes) -> tuple[int, bytes]:
    """Do a task in a worker; bytes, since arrays sent as such come back read-only."""
    if multiprocessing.current_process().name != "MainProcess":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that ends us
    work, arguments = pickle.loads(packed)
    return place, _packed(work(lambda steps: None, *arguments))


def _packed(content: Any) -> bytes:
    """Return a pickle that holds functions too."""
    import cloudpickle

    for module in _TRAVELLING:
        cloudpickle.register_pickle_by_value(module)
    packed: bytes = cloudpickle.dumps(content)
    return packed
