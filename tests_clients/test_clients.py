"""Other RL libraries take EdgeRoute unmodified: each row of docs/clients.md, as its users run it.

Each is run twice, briefly and longer. The turns between the two, by the CPU time between them,
are its turns per CPU-second: imports and the start of workers do not count.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "clients"
PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")
PINS = "".join(p.read_text("utf-8") for p in (ROOT / "tests_clients").glob("requirements/*.txt"))
CLEANRL_COMMIT = "fe8d8a0"
ZOO = "--algo ppo --env EdgeRoute-v0 --gym-packages edgeroute_env"
CONF = "examples/clients/rl_zoo3.yml"
RLLIB = ROOT / ".venv-rllib" / "bin" / "python"
COMPILE = """
import gymnasium as gym
for env in (gym.make("edgeroute_env:EdgeRoute-v0"), gym.make_vec("edgeroute_env:EdgeRoute-v0", 2)):
    env.reset(seed=0)
    env.step(env.action_space.sample())
"""


@dataclass(frozen=True)
class Client:
    """A row: a library, its command as the page has it, and what that prints.

    `sizes` are appended to the command; one unit of them is so many `turns`. With no sizes the
    command is run once.
    """

    package: str
    command: str
    says: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    turns: int = 1
    rllib: bool = False  # Ray asks for another Gymnasium, so it has an environment of its own


def example(name: str) -> str:
    return f"python examples/clients/{name}.py"


TWO_KINDS = ("DummyVecEnv: return ", "SubprocVecEnv: return ")
TWO_METHODS = ("PPO: return ", "DQN: return ")
RECURRENT = ("RecurrentPPO: return ", "QRDQN: return ")
SHAPES = ("single: (", "pixels: (", "num_envs=4: (4, ", "our vector of 64: (64, ")
CELL, BATCH = 1280, 64 * 128  # turns of an episode of busy-cell, and of one of RLlib's iterations
CLIENTS = [
    Client("stable-baselines3", example("sb3_by_id"), TWO_KINDS, (1024, 5120), 2),
    Client("stable-baselines3", "python examples/train_with_sb3.py", (), (BATCH, 4 * BATCH)),
    Client("sb3-contrib", example("sb3_contrib_on_ours"), RECURRENT, (2048, 6144), 2),
    Client("rl-zoo3", f"python -m rl_zoo3.train {ZOO} -conf {CONF}", (), (8192, 32768)),
    Client("sbx-rl", example("sbx_by_id"), TWO_METHODS, (2048, 6144), 2),
    Client("tianshou", example("tianshou_by_id"), TWO_METHODS, (2048, 8192), 2),
    Client("torchrl", example("torchrl_collect"), SHAPES, (140, 1400), 1 + 1 + 4 + 64),
    Client("skrl", example("skrl_ppo"), ("turns of 16 episodes",), (4096, 20480)),
    Client("minari", example("minari_data"), ("128 turns an episode",), (3, 30), 128),
    Client("d3rlpy", example("d3rlpy_offline"), ("return ",), (50, 550), 256),
    Client("mo-gymnasium", example("mo_gymnasium_weights"), ("Sums of an episode",)),
    Client("ray", example("rllib_vector"), ("return ",), (1, 4), BATCH, rllib=True),
    Client("ray", example("rllib_cells"), ("iteration 1: return ",), (1, 3), CELL, rllib=True),
]


def version(package: str) -> str:
    """Return the version that the requirements pin."""
    (found,) = re.findall(rf"^{package}(?:\[\w+\])?==(\S+)", PINS, re.MULTILINE)
    return str(found)


def cpu_seconds(
    command: list[str], variables: Mapping[str, str], folder: Path
) -> tuple[float, str]:
    """Run a command that must succeed; return its CPU time with its processes', and its output."""
    inherited = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=inherited, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with the examples in it, where the clients leave what they write.

    One for all: d3rlpy learns from what Minari has stored. The kernel is compiled before the first
    row, whose time it would take.
    """
    made = tmp_path_factory.mktemp("clients")
    (made / "examples").symlink_to(ROOT / "examples")
    for rllib in (False, True):
        run(["-c", COMPILE], made, rllib)
    return made


def run(words: list[str], folder: Path, rllib: bool = False) -> tuple[float, str]:
    assert not rllib or RLLIB.exists(), "make test-clients makes .venv-rllib"
    python = str(RLLIB) if rllib else sys.executable
    variables = {
        "MINARI_DATASETS_PATH": str(folder / "minari"),
        "PYTHONPATH": os.environ.get("CLEANRL", ""),  # its dqn.py imports cleanrl_utils from there
    }
    return cpu_seconds([python, *words], variables, folder)


each = pytest.mark.parametrize("client", CLIENTS, ids=lambda c: Path(c.command.split()[-1]).stem)


@each
def test_a_client_runs(client: Client, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = client.command.split()[1:] + ["-n"] * (client.package == "rl-zoo3")
    spent = []
    for size in client.sizes or ("",):
        seconds, said = run([*words, str(size)] if size else words, folder, client.rllib)
        spent.append(seconds)
        assert all(part in said for part in client.says), said
    rate = ""
    if client.sizes:
        turns = (client.sizes[1] - client.sizes[0]) * client.turns
        assert spent[1] > spent[0], f"more turns took less time: {spent} CPU-seconds"
        rate = f"{turns / (spent[1] - spent[0]):.0f} turns per CPU-second, "
    with capsys.disabled():
        print(f"\n{client.command}: {rate}{sum(spent):.0f} CPU-seconds in all")


def test_the_zoo_plays_what_it_has_trained(folder: Path) -> None:
    _, said = run(
        ["-m", "rl_zoo3.enjoy", *ZOO.split(), "-f", "logs", "--no-render", "-n", "256"], folder
    )
    assert said.count("Episode Reward: ") == 2, said  # of 128 turns each


@pytest.fixture
def cleanrl() -> Path:
    """Return the folder of CleanRL's scripts, which no package holds."""
    place = os.environ.get("CLEANRL")
    if place is None:
        pytest.skip(f"CLEANRL names no checkout of CleanRL's repository (commit {CLEANRL_COMMIT})")
    return Path(place).resolve() / "cleanrl"


def test_cleanrls_ppo_trains_and_films(cleanrl: Path, folder: Path) -> None:
    words = [str(cleanrl / "ppo.py"), "--env-id", "edgeroute_env:EdgeRoute-v0"]
    _, said = run([*words, "--capture-video", "--total-timesteps", "2048"], folder)
    assert "SPS: " in said  # it looks for returns where Gymnasium wrote them before 1.0
    assert list(folder.glob("videos/**/*.mp4"))


def test_cleanrls_dqn_still_reads_an_info_that_gymnasium_no_longer_writes(
    cleanrl: Path, folder: Path
) -> None:
    words = [str(cleanrl / "dqn.py"), "--env-id", "edgeroute_env:EdgeRoute-v0"]
    with pytest.raises(AssertionError, match="final_observation"):
        run([*words, "--total-timesteps", "256"], folder)


def test_each_example_is_run() -> None:
    run_here = {word for client in CLIENTS for word in client.command.split()}
    for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.yml")]:
        assert path.relative_to(ROOT).as_posix() in run_here


def test_each_example_fits_forty_lines() -> None:
    for path in EXAMPLES.iterdir():
        assert path.is_dir() or len(path.read_text("utf-8").splitlines()) <= 40, path


@each
def test_each_client_is_a_row_of_the_page(client: Client) -> None:
    assert f"| {version(client.package)} | `{client.command}` |" in PAGE


def test_the_page_has_no_other_rows() -> None:
    rows = re.findall(r"^\| .* \| `(python .*?)` \|", PAGE, re.MULTILINE)
    cleanrl = {row for row in rows if row.split()[1] in ("ppo.py", "dqn.py")}  # tested above
    assert {*rows} - cleanrl == {client.command for client in CLIENTS}
