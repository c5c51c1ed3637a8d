"""A population of users: fields of a scenario as distributions, from which each user is drawn.

An episode belongs to one user, or each phone of a cell to another. The population is finite and
always the same for a scenario, so that a trace names its users by number; half of it serves to fit
on, half to evaluate on.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from edgeroute_env.errors import InputError, input_error
from edgeroute_env.fields import Part, Positive, Within, without_defaults
from edgeroute_env.seeds import POPULATION_SEED

# What may differ between users: it lives in each user's own parameters, not in shared tables,
# but for SHARED.
MAY_VARY = (
    *("device", "radio", "budgets", "weights", "edge.background.utilisation"),
    *("workload.dialogue_gap_mean_s", "workload.attachment", "workload.score_auc"),
)
SHARED = ("device.count", "radio.rate", "radio.snr_runs")
# What the phones of one cell share even then: the edge's tenants, and the log of arrivals.
OF_THE_CELL = ("edge.background.utilisation", "workload.dialogue_gap_mean_s")
End = Annotated[float, Within(-1e21, 1e21)]  # the field that is drawn has bounds of its own
LAWS = ("uniform", "log_uniform", "choice")


class Law(Part):
    """One field's distribution over users: exactly one of the three.

    `choice` picks one of some values, with `shares` if they are not equally common; a value that
    is a mapping replaces the fields it names.
    """

    uniform: tuple[End, End] | None = None
    log_uniform: tuple[Positive, Positive] | None = None
    choice: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None
    shares: tuple[Positive, ...] | None = None

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
    """How many users there are, and the laws of the (dotted) fields in which they differ.

    `own` says what a user owns: the `episode`, or a `phone` in a cell of other users' phones.
    """

    count: Annotated[int, Within(2, 4096)]
    own: Literal["episode", "phone"] = "episode"
    draws: Annotated[dict[str, Law], Field(min_length=1)]

    @model_validator(mode="after")
    def _may_vary(self) -> Users:
        may = [name for name in MAY_VARY if self.own == "episode" or name not in OF_THE_CELL]
        for field in self.draws:
            inside = [name for name in may if f"{field}.".startswith(f"{name}.")]
            is_share = field.startswith("workload.mix.") and field.endswith(".share")
            if not (inside or is_share):
                allowed = ", ".join([*may, "workload.mix.N.share"])
                raise InputError("draws", field, f"a field below {allowed}")
        return self

    _short = without_defaults("own")


def drawn_users(scenario: Any) -> tuple[Any, ...]:
    """Return the scenario of each user that a scenario draws.

    Raises:
        InputError: a law draws what its field refuses, or what all users must share.
    """
    users: Users | None = scenario.users
    if users is None:
        return ()
    rng = np.random.default_rng(POPULATION_SEED)
    base = scenario.model_copy(update={"users": None})
    drawn = []
    for _ in range(users.count):
        user = base
        for field, law in users.draws.items():
            user = _with(user, field, law.draw(rng))
        drawn.append(user)
    return tuple(drawn)


def _with(user: Any, field: str, value: Any) -> Any:
    """Return the scenario of a user whose field has the value that was drawn."""
    nested = value
    for name in reversed(field.split(".")):
        nested = {name: nested}
    try:
        changed = _laid_over(user, nested, f"users.draws.{field}")
    except ValidationError as error:
        told = input_error(error, type(user)).allowed
        raise InputError(f"users.draws.{field}", value, told) from None
    for shared in SHARED:
        if attrgetter(shared)(changed) != attrgetter(shared)(user):
            raise InputError(f"users.draws.{field}", value, f"the same {shared} for all users")
    return changed


def _laid_over(part: Any, value: Any, field: str) -> Any:
    """Return `part` with the fields that a mapping names replaced, validated on the way up."""
    if isinstance(part, Part):
        kept = {name: getattr(part, name) for name in type(part).model_fields}
    elif isinstance(part, tuple):
        kept = {str(i): item for i, item in enumerate(part)}
    if not isinstance(part, Part | tuple) or not isinstance(value, Mapping):
        return value
    for name in value:
        if name not in kept:
            raise InputError(field, name, "one of " + ", ".join(kept))
    laid = {name: _laid_over(was, value.get(name, was), field) for name, was in kept.items()}
    return type(part).model_validate(laid) if isinstance(part, Part) else tuple(laid.values())
