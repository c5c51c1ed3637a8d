"""The hook for LiteLLM's proxy in docs/live.md, called as that proxy calls it."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from edgeroute_live import deciding
from tests.helpers.live import HELLO, fresh_gateway

PAGE = Path(__file__).parents[2] / "docs" / "live.md"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the page's `handler`, its base class a stand-in for LiteLLM's own."""
    logger = ModuleType("litellm.integrations.custom_logger")
    logger.CustomLogger = type("CustomLogger", (), {})  # type: ignore[attr-defined]
    for name in ("litellm", "litellm.integrations"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, logger.__name__, logger)
    monkeypatch.setattr(deciding, "Gateway", lambda scenario: fresh_gateway())
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if "CustomLogger" in block)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["handler"]


def ask(hook: Any, model: str, call_id: str) -> str:
    data = {"model": model, "messages": HELLO, "litellm_call_id": call_id}
    asked = asyncio.run(hook.async_pre_call_hook(None, None, data, "completion"))
    return str(asked["model"])


def ended(hook: Any, call_id: str, answer: Any, call: str) -> None:
    asyncio.run(
        getattr(hook, f"async_log_{call}_event")({"litellm_call_id": call_id}, answer, 0, 1)
    )


def test_the_hook_decides_and_hears_what_became_of_each_turn(hook: Any) -> None:
    sides = [ask(hook, "edgeroute", str(k)) for k in range(2)]
    assert set(sides) <= {"device", "edge"}
    under_way = {side: hook.gateway.state.count(side) for side in ("device", "edge")}
    assert sum(under_way.values()) == 2
    usage = SimpleNamespace(prompt_tokens=0, completion_tokens=0)  # of a stream: not counted
    ended(hook, "0", SimpleNamespace(usage=usage), "success")
    ended(hook, "1", None, "failure")
    assert hook.gateway.state.count("device") == hook.gateway.state.count("edge") == 0
    (dialogue,) = hook.gateway.dialogues._known.values()  # the answered one
    assert dialogue.true["context_tokens"] > 20.0  # as expected, not 0
    assert hook.turns == {}


def test_requests_for_other_models_are_left_alone(hook: Any) -> None:
    assert ask(hook, "edge", "0") == "edge"
    ended(hook, "0", SimpleNamespace(usage=None), "success")
    ended(hook, "0", None, "failure")
    assert len(hook.gateway.dialogues) == 0
