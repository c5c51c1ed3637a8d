"""What a snapshot says agrees with what the environment says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.rendering.history import History
from edgeroute_env.rendering.snapshot import Snapshot, snapshot
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.sources import Drawn


def moments(name: str, overrides: dict[str, Any] | None = None, actions: int = 2) -> list[Snapshot]:
    """Return the snapshots of an episode, before each turn and after the last."""
    scenario = load_scenario(name, overrides)
    batch, past = Batch(scenario, Drawn(scenario), 1), History()
    batch.begin(np.zeros(1, np.int64), generators([5]))
    shots = [snapshot(scenario, batch, 0, past)]
    rng = np.random.default_rng(0)
    while not batch.over[0]:
        batch.step(rng.integers(0, actions, 1))
        past.add(batch, 0)
        shots.append(snapshot(scenario, batch, 0, past, "coin"))
    return shots


@pytest.mark.parametrize(
    ("name", "phones"), [("paper", 1), ("paper", 4), ("long-context", 1), ("vehicular", 1)]
)
def test_the_pieces_of_a_dialogue_are_its_context(name: str, phones: int) -> None:
    shots = moments(name, {"device.count": phones, "workload.turns": 120})
    assert any(len(shot.dialogue.pieces) > 2 for shot in shots)
    for shot in shots:
        said = sum(piece.tokens for piece in shot.dialogue.pieces)
        assert said == pytest.approx(shot.dialogue.context_tokens, rel=1e-5)
        for cached in shot.dialogue.cached_tokens.values():
            assert cached <= shot.dialogue.context_tokens + 0.5


def test_turns_parts_and_return_add_up() -> None:
    shots = moments("paper")
    last = shots[-1]
    assert [len(shot.turns) for shot in shots] == list(range(len(shots)))
    assert last.total == pytest.approx(sum(turn.reward for turn in last.turns))
    for turn in last.turns:
        assert sum(turn.causes_s.values()) == pytest.approx(turn.latency_s)
    assert last.question is None
    assert last.next_s == {}
    assert last.router == "coin"
    assert all(shot.question is not None for shot in shots[:-1])


def test_a_spent_battery_ends_the_episode_and_the_last_dialogue_stays() -> None:
    shots = moments("battery", {"budgets.battery_j": 60.0}, actions=1)
    last = shots[-1]
    assert len(last.turns) < last.length
    assert last.phone.battery_left == 0.0
    assert last.question is None
    assert last.dialogue.pieces[-1].author == "device"


def test_the_phone_that_asks_is_followed_through_a_cell() -> None:
    shots = moments("busy-cell")
    asking = {shot.phone.number for shot in shots}
    assert len(asking) > 30
    for before, after in pairwise(shots):
        assert after.turns[-1].phone == before.phone.number
        assert after.answered[before.phone.number] == after.turns[-1].route
