"""Work in parts gives the same results wherever it runs, and loses no more than it must."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeroute_env import InputError
from edgeroute_env.parallel import HERE, Plan, Step, Task, WorkerDied, carried_out, workers

KILLS = 3  # the number whose worker is killed


def squared(step: Step, number: int, folder: Path, deaths: int) -> int:
    """Square a number; note each try in a file, and die in the first `deaths` tries of KILLS."""
    step(1)
    tries = folder / f"{number}"
    with tries.open("a") as file:
        file.write(".")
    if number == KILLS and tries.stat().st_size <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def both(folder: Path, numbers: range, deaths: int = 0) -> Plan[tuple[list[int], int]]:
    """Plan the squares of numbers, and then the square of the sum of these."""
    each = yield [
        Task(f"square of {number}", squared, (number, folder, deaths), 2) for number in numbers
    ]
    yield []
    (whole,) = yield [Task("the whole", squared, (sum(each), folder, 0))]
    return each, whole


def test_plans_end_with_their_results_in_order_and_steps_add_up(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    plans = [both(tmp_path, range(3)), both(tmp_path, range(5, 7))]
    by = dataclasses.replace(HERE, tell=lambda done, known: told.append((done, known)))
    assert list(carried_out(plans, by)) == [(0, ([0, 1, 4], 25)), (1, ([25, 36], 3721))]
    assert told == sorted(told)
    assert told[-1] == (2 * 5 + 2, 2 * 5 + 2)


def test_a_killed_worker_loses_its_own_task_which_runs_again(tmp_path: Path) -> None:
    found = list(carried_out([both(tmp_path, range(2, 6), deaths=1)], workers(2)))
    assert found == [(0, ([4, 9, 16, 25], 54**2))]
    tries = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert tries.pop(str(KILLS)) == 2
    assert tries["2"] <= 2  # it may have been under way beside
    assert all(size == 1 for name, size in tries.items() if name not in ("2", "4"))


@pytest.mark.slow
def test_a_second_death_is_an_error_that_names_the_task(tmp_path: Path) -> None:
    with pytest.raises(WorkerDied, match=r"^workers died twice over .*square of 3"):
        list(carried_out([both(tmp_path, range(3, 6), deaths=9)], workers(2)))
    assert (tmp_path / str(KILLS)).stat().st_size == 2


def fails(step: Step) -> None:
    raise InputError("field", "value", "what is allowed")


def test_a_number_that_is_none_and_a_missing_package_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InputError, match="--jobs: got 0; allowed: 1 or more"):
        workers(0)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"ray: got 'not installed'.*edgeroute\[cluster\]"):
        workers(cluster="127.0.0.1:6379")
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(InputError, match=r"joblib: got 'not installed'.*edgeroute\[cli\]"):
        workers(2)


@pytest.mark.slow
def test_bad_input_in_a_worker_is_the_same_error() -> None:
    def plan() -> Plan[Any]:
        return (yield [Task("one", fails), Task("two", fails)])

    with pytest.raises(InputError, match="field: got 'value'; allowed: what is allowed"):
        list(carried_out([plan()], workers(2)))
