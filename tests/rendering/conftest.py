"""Windows of these tests open on no screen, and nothing waits for the next frame's time."""

from __future__ import annotations

import pytest

from edgeroute_env import EdgeRouteEnv


@pytest.fixture(autouse=True)
def _unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setitem(EdgeRouteEnv.metadata, "render_fps", 10_000)
