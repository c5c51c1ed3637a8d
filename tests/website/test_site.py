"""The site's own pages say what the code says, and a fault of a built site is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import edgeroute_agents
import edgeroute_baselines
import edgeroute_env
from edgeroute_env import FEATURES, load_scenario
from website import folders, presets, reference, written
from website.built import faults


@pytest.fixture(autouse=True)
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pages be written into a folder of the test's own."""
    for module in (folders, presets, written):
        monkeypatch.setattr(module, "PAGES", tmp_path)
    return tmp_path


def test_the_page_on_the_observation_explains_every_feature(pages: Path) -> None:
    reference.write_observation()
    text = (pages / "observation.md").read_text("utf-8")
    for feature in FEATURES:
        assert f"| `{feature.name}` | {feature.meaning} | {feature.unit} |" in text
    assert "docs/" not in text


def test_the_api_has_every_public_name_and_what_pages_import(pages: Path) -> None:
    reference.write_api()
    named = set(re.findall(r"^::: (\S+)$", "".join(map(read, pages.glob("api/*.md"))), re.M))
    for package in (edgeroute_env, edgeroute_baselines, edgeroute_agents):
        assert {f"{package.__name__}.{name}" for name in package.__all__} <= named
    assert "edgeroute_env.evaluation.episodes.run_episodes" in named


def read(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.thorough
def test_a_presets_page_has_its_film_its_returns_and_its_values(pages: Path) -> None:
    pytest.importorskip("pygame")
    presets.write_preset(load_scenario("quota"))
    text = read(pages / "presets" / "quota.md")
    assert "| `budgets.edge_calls` | 40 |" in text
    assert "| `bao-multi-queue` |" in text
    for picture in re.findall(r"\]\((films/\S+)\)", text):
        assert (pages / "presets" / picture).stat().st_size > 1000


def test_links_are_those_of_the_site() -> None:
    text = "[learning.md](learning.md#a) [x](../CONTRIBUTING.md) `a[i](j)` [y](https://z)"
    moved = written.relinked(text, "docs/model.md", "model.md")
    assert moved == "[learning](learning.md#a) [x](contributing.md) `a[i](j)` [y](https://z)"
    with pytest.raises(ValueError, match=r"nowhere\.md"):
        written.relinked("[x](nowhere.md)", "README.md", "index.md")


def test_every_link_of_every_page_leads_to_a_page_of_the_site() -> None:
    for source, page in written.sources():
        if source.endswith(".md"):
            written.relinked(read(written.ROOT / source), source, page)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="b.html#there">', None),
        ('<a href="https://example.org">', None),
        ('<a href="gone.html">', "not there"),
        ('<a href="b.html#gone">', "without that anchor"),
        ('<img src="gone.png">', "not there"),
        ('<script src="https://example.org/x.js">', "loads"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "loads"),
    ],
)
def test_faults_of_a_built_site_are_found(tmp_path: Path, body: str, fault: str | None) -> None:
    (tmp_path / "a.html").write_text(body)
    (tmp_path / "b.html").write_text('<h1 id="there">')
    found = faults(tmp_path)
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]
