"""A population of users: fields of a scenario as distributions, from which each user is drawn.

An episode belongs to one user. The population is finite and always the same for a scenario, so
that a trace names its user by number; half of it serves to fit on, half to evaluate on.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, model_validator

from edgeroute_env.errors import InputError
from edgeroute_env.fields import Part

# What may differ between users: it lives in each user's own parameters, not in shared tables,
# but for SHARED.
MAY_VARY = (
    *("device", "radio", "budgets", "weights", "edge.background.utilisation"),
    *("workload.dialogue_gap_mean_s", "workload.attachment", "workload.score_auc"),
)
SHARED = ("device.count", "radio.rate", "radio.snr_runs")
LAWS = ("uniform", "log_uniform", "choice")
_POPULATION_SEED = 20_250_811


class Law(Part):
    """One field's distribution over users: exactly one of the three.

    `choice` picks one of some values, with `shares` if they are not equally common; a value that
    is a mapping replaces the fields it names.
    """

    uniform: tuple[float, float] | None = None
    log_uniform: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    choice: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None
    shares: tuple[Annotated[float, Field(gt=0)], ...] | None = None

    @model_validator(mode="after")
    def _is_one_law(self) -> Law:
        given = [name for name in LAWS if getattr(self, name) is not None]
        if len(given) != 1:
            allowed = "exactly one of " + ", ".join(LAWS)
            raise InputError("", ", ".join(given) or "none", allowed)
        for name in LAWS[:2]:
            ends = getattr(self, name)
            if ends is not None and ends[0] > ends[1]:
                raise InputError(name, list(ends), "the lower end first")
        if self.shares is not None and len(self.shares) != len(self.choice or ()):
            raise InputError("shares", list(self.shares), "one share a choice")
        return self

    def extremes(self) -> tuple[Any, ...]:
        """Return values that fit their field only if all that may be drawn do."""
        return self.choice or self.uniform or self.log_uniform or ()

    def draw(self, rng: np.random.Generator) -> Any:
        """Return one user's value."""
        if self.uniform is not None:
            return float(rng.uniform(*self.uniform))
        if self.log_uniform is not None:
            return float(np.exp(rng.uniform(*np.log(self.log_uniform))))
        assert self.choice is not None
        shares = np.array(self.shares or [1.0] * len(self.choice))
        return self.choice[int(rng.choice(len(shares), p=shares / shares.sum()))]


class Users(Part):
    """How many users there are, and the laws of the (dotted) fields in which they differ."""

    count: Annotated[int, Field(ge=2, le=4096)]
    draws: Annotated[dict[str, Law], Field(min_length=1)]

    @model_validator(mode="after")
    def _may_vary(self) -> Users:
        for field in self.draws:
            inside = [name for name in MAY_VARY if f"{field}.".startswith(f"{name}.")]
            is_share = field.startswith("workload.mix.") and field.endswith(".share")
            if not (inside or is_share):
                allowed = ", ".join([*MAY_VARY, "workload.mix.N.share"])
                raise InputError("draws", field, f"a field below {allowed}")
        return self


def population(scenario: Any) -> tuple[Any, ...]:
    """Return the scenario of each user; the scenario itself where it has no users."""
    users: Users | None = scenario.users
    if users is None:
        return (scenario,)
    rng = np.random.default_rng(_POPULATION_SEED)
    drawn = []
    for _ in range(users.count):
        user = scenario.model_copy(update={"users": None})
        for field, law in users.draws.items():
            user = _replaced(user, field.split("."), law.draw(rng), field)
        drawn.append(user)
    return tuple(drawn)


def check_draws(scenario: Any) -> None:
    """Raise InputError where a law of the scenario's users may draw what its field refuses."""
    if scenario.users is None:
        return
    base = scenario.model_copy(update={"users": None})
    for field, law in scenario.users.draws.items():
        for value in law.extremes():
            try:
                user = _replaced(base, field.split("."), value, field)
            except ValidationError as error:
                message = error.errors(include_url=False)[0]["msg"]
                raise InputError(f"users.draws.{field}", value, message) from None
            for shared in SHARED:
                if attrgetter(shared)(user) != attrgetter(shared)(base):
                    allowed = f"the same {shared} for all users"
                    raise InputError(f"users.draws.{field}", value, allowed)


def _replaced(part: Any, path: list[str], value: Any, field: str) -> Any:
    """Return a copy of `part` with the field at `path` replaced, validated on the way up."""
    if not path and isinstance(value, dict) and isinstance(part, Part):
        for name, inner in value.items():
            part = _replaced(part, str(name).split("."), inner, f"{field}.{name}")
        return part
    if not path:
        return value
    name, *rest = path
    if isinstance(part, tuple):
        if not name.isdigit() or int(name) >= len(part):
            raise InputError(f"users.draws.{field}", name, f"an index from 0 to {len(part) - 1}")
        at = int(name)
        return (*part[:at], _replaced(part[at], rest, value, field), *part[at + 1 :])
    if not isinstance(part, Part) or name not in type(part).model_fields:
        raise InputError("users.draws", field, "a field of the scenario")
    changed = {name: _replaced(getattr(part, name), rest, value, field)}
    fields = {known: getattr(part, known) for known in type(part).model_fields}
    return type(part).model_validate({**fields, **changed})
