"""What every comparison hands to the page: data for the template, plots, lines of the summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.downloads import data_file

Floats = NDArray[np.float64]
LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)  # of the quantiles that distributions are compared at


class MissingRecording(InputError):
    """A comparison's recording is not in the data folder: `field` is its name."""


class Comparison(NamedTuple):
    """One line of the summary: how large the errors are, without their sign."""

    name: str
    figures: int
    median: float
    largest: float
    unit: str  # "%" for relative errors, 0.1 being 10 %; else the errors' own unit


class Largest(NamedTuple):
    """The error that is largest in size, and what it is an error of."""

    name: Any
    error: float


@dataclass(frozen=True)
class Section:
    """One section: what the template reads, lines of the summary, plots by their files' stems."""

    data: Mapping[str, Any]
    comparisons: Sequence[Comparison]
    plots: Mapping[str, Figure] = field(default_factory=dict)


def compare(name: str, errors: ArrayLike, unit: str) -> Comparison:
    """Return the line of the summary for signed errors."""
    sizes = np.abs(np.asarray(errors, np.float64))
    return Comparison(name, sizes.size, float(np.median(sizes)), float(sizes.max()), unit)


def largest(names: Sequence[Any], errors: Floats) -> Largest:
    """Return the error of the largest size and its name."""
    worst = int(np.abs(errors).argmax())
    return Largest(names[worst], float(errors[worst]))


def recording(name: str) -> Path:
    """Return the path of a recording; MissingRecording where the data folder lacks it."""
    try:
        return data_file(name)
    except InputError as error:
        raise MissingRecording(name, error.value, error.allowed) from None
