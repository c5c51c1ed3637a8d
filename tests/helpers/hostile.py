"""Bad input of every kind, for tests that no door ends in anything but one clear error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeroute_env import InputError, load_scenario
from edgeroute_env.errors import ALLOWED_WIDTH, FIELD_WIDTH, VALUE_WIDTH
from tests.helpers.bounded import CELLULAR, base, numbers

SLOWEST_S = 10.0
LONGEST_MESSAGE = FIELD_WIDTH + VALUE_WIDTH + ALLOWED_WIDTH + 40
ERRORS = (InputError, gym.error.Error, gym.error.AlreadyPendingCallError)


class Odd:
    """Has no length, no order and no text."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def fuzz(strategy: st.SearchStrategy[Any], enter: Callable[[Any], object], examples: int) -> None:
    """Let `enter` take so many values of a strategy, the same ones each time."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def attempt(value: Any) -> None:
        enter(value)

    attempt()


def bounded_call(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return what a call gives, or the clear error that it ends in, soon and in a few words."""
    started = time.perf_counter()
    result, error = None, None
    try:
        result = call()
    except ERRORS as caught:
        error = caught
    message = str(error)
    assert "\n" not in message
    assert len(message) < LONGEST_MESSAGE
    assert time.perf_counter() - started < SLOWEST_S
    return result, error


NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([10**30, -(10**30), 10**400, 2**63, 2**128]),
    st.floats(),
    st.sampled_from([1e-320, 1e308, -0.0, np.float32(1.5), np.int64(3), np.float64("nan")]),
)
ARRAYS = st.sampled_from(
    [
        np.zeros(0),
        np.ones(2),
        np.zeros(2, bool),
        np.array([0, 1]),
        np.array(["a", "b"]),
        np.ma.masked_array([0, 1], [True, False]),
        np.zeros((3, 3)),
        np.array([None, 1]),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "\x00", "x" * 10_000, "../x.yaml", "~", "9" * 5000, "\ud800", "None"]),
)
PLAIN = st.one_of(
    st.none(), st.booleans(), NUMBERS, TEXTS, st.binary(max_size=5), st.builds(Odd), st.just(Odd)
)
ANYTHING = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(TEXTS | st.integers(), inner, max_size=3),
    ),
    max_leaves=4,
)


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"radio": value}
    return value


SCENARIO = base(CELLULAR)
FIELDS = [field for field, _ in numbers(SCENARIO)]
_PARTS = [*load_scenario("paper").model_dump(), "radio.environment", "workload.mix.0.benchmark"]
DOTTED = st.one_of(
    st.sampled_from(FIELDS + _PARTS),
    TEXTS,
    st.sampled_from(["workload.mix.²", "workload.mix.-1", "a.b.c", ".", "radio." * 2000]),
)
OVERRIDES = st.dictionaries(DOTTED, ANYTHING, min_size=1, max_size=3) | ANYTHING
# Several numbers at once at their bounds or between them.
EXTREMES = st.dictionaries(
    st.sampled_from(list(numbers(SCENARIO))), st.sampled_from([0.0, 1.0, 1e-9, 0.5]), max_size=12
).map(lambda drawn: {f: w.low + s * (w.high - w.low) for (f, w), s in drawn.items()})
SCENARIOS = st.one_of(ANYTHING, st.sampled_from([_nested(60), _nested(3000)]))

_WORDS = [
    *"a b 1 - : , { } [ ] & * ! | > ' \" # % @ \n \t".split(" "),
    *("&a", "*a", "<<", "? ", "- ", ": ", "!!bool", "!!int", "!!float", "!!binary", "!!set"),
    *("2024-01-01", "1e9", "yes", "maybe", "radio", "uplink_hz", "name: x", "extends: paper"),
    *("\n  ", "9" * 5000, "[" * 2000, "- " * 2000, "---", "...", "\x00", "\u2028", "0x", "1:99"),
]
YAML = st.lists(st.sampled_from(_WORDS), max_size=12).map("".join) | st.text(max_size=30)

MAKE = st.fixed_dictionaries(
    {},
    optional={
        "scenario": SCENARIOS,
        "overrides": OVERRIDES,
        "traces": ANYTHING,
        "render_mode": st.none() | TEXTS,
        "render_width": ANYTHING,
    },
)
MAKE_VECTOR = st.fixed_dictionaries(
    {},
    optional={
        "num_envs": ANYTHING | st.sampled_from([10**7, 10**30, 2**62]),
        "autoreset_mode": ANYTHING | st.sampled_from(list(AutoresetMode)),
        "max_episode_steps": ANYTHING,
        "overrides": OVERRIDES,
        "traces": ANYTHING,
        "render_mode": ANYTHING,
        "render_width": ANYTHING,
    },
)
OPTIONS = ANYTHING | st.dictionaries(
    st.sampled_from(["trace", "traces", "reset_mask", "mask"]), ANYTHING, max_size=2
)
