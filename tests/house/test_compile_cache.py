"""Where compiled code cannot be kept on disk, the environment works, and one warning says so."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
# Small, since it is compiled anew: the point is whether it runs, not what the kernel does.
COMPILE = """
import numpy as np
from edgeroute_env.physics import queueing, radio
slots = np.zeros(2)
waits = [queueing.kiefer_wolfowitz_step(slots, 0.0, 5.0) for _ in range(3)]
assert waits == [0.0, 0.0, 5.0]
assert radio.clip_snr_db(99.0) == 30.0
"""
# All that is compiled is compiled by the first reset: the first step finds it ready.
TOGETHER = """
import edgeroute_env, pathlib, sys
from edgeroute_env.simulator import kernel
env = edgeroute_env.EdgeRouteEnv(overrides={"workload.turns": 4})
assert not kernel.step.signatures
env.reset(seed=0)
assert kernel.step.signatures
kernel.step.disable_compile()
env.step(1)
"""
STEP = """
import edgeroute_env
env = edgeroute_env.EdgeRouteEnv(overrides={"workload.turns": 4})
env.reset(seed=0)
assert env.step(1)[1] != 0.0
"""
ASTRAY = """
import edgeroute_env
env = edgeroute_env.EdgeRouteEnv(overrides={"workload.turns": 4})
env.reset(seed=0)
env._batch.episodes["cursor"] = 1000
env.step(1)
"""
FULL_DISK = """
import numba.core.caching as caching
def full(self, *_):
    raise OSError(28, "No space left on device")
caching.IndexDataCacheFile._save_index = full
caching.IndexDataCacheFile._save_data = full
"""
READ_ONLY = """
import numba.core.caching as caching
def refuse(self):
    raise OSError(30, "Read-only file system")
caching._CacheLocator.ensure_cache_path = refuse
"""


def run(program: str, cache: Path | None = None, **more: Any) -> str:
    """Run a program, with a folder for numba's cache or none, and return what it warned of."""
    unset = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", **more.pop("env", {})}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    command = [sys.executable, "-c", program]
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, **more
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def told_once(stderr: str) -> bool:
    """Return whether all that a program said is that it compiles, in one line."""
    return stderr.count("\n") == 1 and "EdgeRoute: compiling" in stderr


def one_warning(stderr: str) -> None:
    assert stderr.count("RuntimeWarning") == 1
    assert stderr.count("NUMBA_CACHE_DIR") == 1
    assert "Traceback" not in stderr


@pytest.fixture
def sealed() -> Iterator[Path]:
    """A copy of the package in a folder that nobody may write to, as in a read-only container."""
    folder = Path(tempfile.mkdtemp())
    for name in ("edgeroute_env", "configs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / "home").mkdir()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


def forget_that_it_is_root() -> None:
    """Let file permissions hold for root too, from this process's next program on (Linux)."""
    drop_from_bounding_set, may_ignore_permissions = 24, 1
    ctypes.CDLL(None).prctl(drop_from_bounding_set, may_ignore_permissions, 0, 0, 0)


def test_a_read_only_package_and_home_do_without_a_cache(sealed: Path) -> None:
    env = {"HOME": str(sealed / "home"), "PYTHONPATH": str(sealed)}
    writes = f"open({str(sealed / 'x')!r}, 'w')"
    with pytest.raises(AssertionError, match="PermissionError"):
        run(writes, cwd=sealed, env=env, preexec_fn=forget_that_it_is_root)
    told = run(COMPILE, cwd=sealed, env=env, preexec_fn=forget_that_it_is_root)
    one_warning(told)
    assert "no locator available" in told


def test_no_folder_for_the_cache_is_no_error() -> None:
    one_warning(run(READ_ONLY + COMPILE))


def test_a_full_disk_is_no_error(tmp_path: Path) -> None:
    one_warning(run(FULL_DISK + COMPILE, tmp_path))


def test_a_damaged_cache_is_compiled_again(tmp_path: Path) -> None:
    assert told_once(run(COMPILE, tmp_path))
    assert run(COMPILE, tmp_path) == ""  # nothing is compiled, so nothing is told
    indices = list(tmp_path.rglob("*.nbi"))
    assert indices
    for path in indices:
        path.write_bytes(path.read_bytes()[:40])
    assert told_once(run(COMPILE, tmp_path))
    assert all(path.stat().st_size > 40 for path in indices)  # and kept again


def test_the_first_reset_compiles_the_step_as_well() -> None:
    run(TOGETHER)


@pytest.mark.slow
@pytest.mark.parametrize("broken", [READ_ONLY, FULL_DISK])
def test_an_environment_steps_without_a_cache(broken: str, tmp_path: Path) -> None:
    one_warning(run(broken + STEP, tmp_path))


@pytest.mark.slow
def test_no_index_of_compiled_code_leaves_its_array(tmp_path: Path) -> None:
    """The parts of the suite that run the kernel in every way, with numba's bounds checks on."""
    tests = [
        "tests/physics",
        "tests/simulator",
        "tests/envs/test_env_api.py",
        "tests/envs/test_vector_equivalence.py",
        "tests/envs/test_determinism.py",
        "tests/envs/test_threads.py",
        "tests/scenarios/test_bounds.py",
        "tests/traces/test_recorded_traces.py",
        "tests/baselines/test_planners.py",
    ]
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    with pytest.raises(AssertionError, match="IndexError"):  # the checks are on
        run(ASTRAY, tmp_path, env=checked)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-x", *tests],
        capture_output=True, text=True, env={**os.environ, **checked}, cwd=ROOT, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-4000:]
