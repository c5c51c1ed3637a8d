"""How turns are paid: the phone's budgets, the objective, and the weights of the reward."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator

from edgeroute_env.errors import InputError
from edgeroute_env.fields import Part, TimeConstant, Within

Weight = Annotated[float, Within(0.0, 1e6)]
Scale = Annotated[float, Within(1e-6, 1e12)]


class Budgets(Part):
    """What a phone may spend; null means no limit.

    `battery_window_s` is for how long the energy must last, if the user knows: until the phone is
    charged.
    """

    battery_j: Scale | None = None
    battery_window_s: TimeConstant | None = None
    edge_calls: Annotated[int, Within(1, 10**9)] | None = None
    window_s: TimeConstant = 3600.0


class RelativeCost(Part):
    """A turn's weighted latency and energy, over what the edge would cost on the same turn.

    `price` is the reward that a cost of 1 takes.
    """

    price: Weight
    latency_weight: Weight
    energy_weight: Weight
    latency_scale_s: Scale
    energy_scale_j: Scale

    @model_validator(mode="after")
    def _costs_something(self) -> RelativeCost:
        if self.latency_weight + self.energy_weight < 1e-6:
            allowed = "at least 1e-6 where latency_weight is 0"
            raise InputError("energy_weight", self.energy_weight, allowed)
        return self


class Objective(Part):
    """How a turn is paid; `quality` says whether the sampled outcome or its expectation counts."""

    kind: Literal["sum", "ttft", "deadline", "dialogue-min", "relative-cost"] = "sum"
    deadline_s: TimeConstant | None = None
    relative_cost: RelativeCost | None = None
    quality: Literal["sampled", "expected"] = "sampled"

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Objective:
        for name, kind in (("deadline_s", "deadline"), ("relative_cost", "relative-cost")):
            if (self.kind == kind) != (getattr(self, name) is not None):
                allowed = f"given exactly when kind is '{kind}'"
                raise InputError(name, getattr(self, name), allowed)
        return self


class Weights(Part):
    """The weights of the reward's terms, in reward per unit."""

    quality: Weight
    latency_per_s: Weight
    energy_per_j: Weight
    edge_call: Weight
    failure: Weight
