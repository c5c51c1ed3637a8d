"""Pretraining keeps the best seed and tells what all earn; a benchmark shows policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeroute_agents import load_policy, policy, pretraining, train
from edgeroute_agents.policy import FIGURES, FILE
from edgeroute_baselines import fitted, make_router
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.parallel import outcome
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.command_line import Command
from tests.helpers.learning import short, tiny_settings
from tests.helpers.settings import ordinary


@pytest.mark.parametrize("algorithm", ["dqn"])
def test_pretraining_keeps_the_best_seed_and_tells_what_all_earn(
    algorithm: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fits = {name: ordinary(name) for name in pretraining.OTHERS}
    monkeypatch.setattr(pretraining, "SEEDS", 2)
    monkeypatch.setattr(pretraining, "EPISODES", 6)
    monkeypatch.setattr(pretraining, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(policy, "PRETRAINED", tmp_path)
    monkeypatch.setattr(pretraining, "load_settings", lambda name: tiny_settings(name))
    for module in (fitted, train):
        monkeypatch.setattr(module, "fitted_parameters", lambda scenario, traces, name: fits[name])
    folder = outcome(pretraining.pretrain(short(), algorithm))
    figures = json.loads((folder / FIGURES).read_text("utf-8"))
    kept = figures["kept"]
    assert figures["validation_gaps"][kept] == max(figures["validation_gaps"])
    best = load_policy(folder / FILE, short())
    assert (best.name, best.about["seed"]) == (algorithm, kept)
    seeds = EVALUATION_SEEDS[:6]
    pinned = Pinned(drawn(short(), "synthetic", "evaluation"), generators(seeds))
    own, theirs = (
        run_episodes(router, short(), pinned, seeds).returns()
        for router in (best, make_router("edge"))
    )
    row = figures["synthetic"]["routers"]["edge"]
    assert row["return"] == pytest.approx(theirs.mean())
    assert row["less"][kept]["mean"] == pytest.approx((own - theirs).mean())
    assert f"{row['less'][kept]['mean']:+.2f} [" in (folder / "README.md").read_text("utf-8")
    before = (tmp_path / "runs" / f"short-{algorithm}-0" / FILE).stat().st_mtime_ns
    outcome(pretraining.pretrain(short(), algorithm))  # what is trained stays
    assert (tmp_path / "runs" / f"short-{algorithm}-0" / FILE).stat().st_mtime_ns == before


def test_a_benchmark_shows_what_is_packaged_or_trained(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["benchmark", "paper", "--traces", "synthetic", "--episodes", "2", "--quiet"]
    assert edgeroute(*asked, "--out", "packaged").code == 0
    monkeypatch.setattr("edgeroute_agents.settings.load_settings", lambda name: tiny_settings(name))
    assert edgeroute(*asked, "--out", "trained", "--train").code == 0
    found = [
        json.loads(Path(folder, "results.json").read_text("utf-8"))["scenarios"]["paper"]
        for folder in ("packaged", "trained")
    ]
    for result in found:
        assert {"ppo", "dqn"} <= set(result["routers"])
        assert set(result["policies"]) == {"ppo", "dqn"}
    assert found[0]["policies"] != found[1]["policies"]
    assert Path("trained/policies/paper-ppo", FILE).is_file()
