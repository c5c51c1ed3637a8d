"""The wheel holds the four packages; others may install `agents` and `baselines` beside it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.helpers.wheels import ROOT, Environment, build_wheel, run

pytestmark = pytest.mark.slow

# Package -> where its files lie in the repository.
PACKAGES = {
    "edgeroute_env": ROOT / "edgeroute_env",
    "edgeroute_agents": ROOT / "agents" / "edgeroute_agents",
    "edgeroute_baselines": ROOT / "baselines" / "edgeroute_baselines",
    "edgeroute_live": ROOT / "live" / "edgeroute_live",
}
NAMES = [*PACKAGES, "agents", "baselines"]
WHERE = "import importlib; print(*(importlib.import_module(n).__file__ for n in {}), sep='\\n')"
ONE_STEP = """
import gymnasium as gym, edgeroute_env, agents
env = gym.make("EdgeRoute-v0")
env.reset(seed=0)
env.step(1)
print(agents.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a wheel of somebody else's that installs `agents` and `baselines` at top level."""
    path = tmp_path_factory.mktemp("stranger") / "stranger-1.0-py3-none-any.whl"
    about = "stranger-1.0.dist-info"
    files = {
        "agents/__init__.py": "",
        "agents/policy.py": "",
        "baselines/__init__.py": "",
        "baselines/registry.py": "",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture(scope="module", params=["ours first", "theirs first"])
def both(
    request: pytest.FixtureRequest,
    wheel: Path,
    stranger: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    """Install both wheels in turn into a new environment."""
    environment = Environment(tmp_path_factory.mktemp("both"))
    ours_first = request.param == "ours first"
    for each in (wheel, stranger) if ours_first else (stranger, wheel):
        environment.install(each)
    environment.lend_dependencies()
    return environment


def files_below(folder: Path) -> set[str]:
    """Return the files of a folder as a wheel holds them."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_packages_and_the_configuration_and_nothing_else(wheel: Path) -> None:
    expected = {
        f"{name}/{file}" for name, folder in PACKAGES.items() for file in files_below(folder)
    }
    expected |= {f"edgeroute_env/configs/{file}" for file in files_below(ROOT / "configs")}
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert len(names) == len(set(names))
    assert {f"{name}/py.typed" for name in PACKAGES} <= expected
    assert "edgeroute_env/configs/scenarios/paper.yaml" in expected
    assert "edgeroute_agents/pretrained/ppo-paper/policy.safetensors" in expected


def test_both_keep_all_their_files(both: Environment, wheel: Path, stranger: Path) -> None:
    for path in (wheel, stranger):
        archive = zipfile.ZipFile(path)
        for name in archive.namelist():
            if not name.endswith("/RECORD"):  # pip adds to it what it installs
                assert (both.site / name).read_bytes() == archive.read(name), name


def test_both_are_imported_from_where_they_were_installed(
    both: Environment, tmp_path: Path
) -> None:
    found = run(both.python, "-c", WHERE.format(NAMES), folder=tmp_path)
    assert [Path(file) for file in found] == [both.site / name / "__init__.py" for name in NAMES]


def test_a_users_own_agents_folder_changes_nothing(both: Environment, tmp_path: Path) -> None:
    own = tmp_path / "agents" / "__init__.py"
    own.parent.mkdir()
    own.write_text("", encoding="utf-8")
    (found,) = run(both.python, "-c", ONE_STEP, folder=tmp_path)
    assert Path(found).samefile(own)
    played = run(both.python, "-m", "edgeroute_env", "run", "--router", "ppo", folder=tmp_path)
    assert played[-1].startswith("return "), played


def test_an_editable_install_leads_into_the_repository(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "editable")
    environment.install("--editable", ROOT)
    environment.lend_dependencies()
    found = run(environment.python, "-c", WHERE.format([*PACKAGES]), folder=tmp_path)
    assert [Path(file) for file in found] == [path / "__init__.py" for path in PACKAGES.values()]
