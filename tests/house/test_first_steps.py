"""A newcomer's first steps: the page's own commands, from a wheel, each way in an empty folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeroute_env.evaluation.results import read_results
from tests.helpers.first_steps import Section, sections
from tests.helpers.wheels import Environment, build_wheel, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install our wheel into a new environment; return the folder of its programs."""
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.install(build_wheel(tmp_path_factory.mktemp("wheel")))
    environment.lend_dependencies()
    return environment.python.parent


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_the_page_works_as_printed(section: Section, programs: Path, tmp_path: Path) -> None:
    folder, data = tmp_path / "empty", tmp_path / "data"
    folder.mkdir()
    section.save(folder)
    here = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "EDGEROUTE_DATA": str(data),
        "EDGEROUTE_CACHE": str(tmp_path / "cache"),
    }
    before = {path: path.stat().st_mtime_ns for path in programs.parent.rglob("*.yaml")}
    run("bash", "-ec", section.commands, folder=folder, variables=here)
    (results,) = [path.parent for path in folder.glob("*/results.json")]
    (found,) = read_results(results)[1].values()
    assert found.episodes == 20
    # What was fitted is the user's own: it lies in the data folder, not in the installation.
    assert list((data / "fits").glob(f"{found.scenario.name}-*.yaml"))
    assert {path: path.stat().st_mtime_ns for path in programs.parent.rglob("*.yaml")} == before
