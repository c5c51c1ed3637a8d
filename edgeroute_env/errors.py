"""The one error that bad input gets: it names the field, the value and what is allowed."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

VALUE_WIDTH, FIELD_WIDTH, ALLOWED_WIDTH = 80, 200, 1000  # characters of each in a message


class InputError(ValueError):
    """A scenario, trace, file or option that cannot be used.

    The command line prints the message alone and exits with code 2.
    """

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        """Name the `field`, the offending `value` and what is `allowed`."""
        self.field = field
        self.value = value
        self.allowed = allowed
        place, told = _cut(field, FIELD_WIDTH), _cut(allowed, ALLOWED_WIDTH)
        super().__init__(f"{place}: got {shown(value)}; allowed: {told}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, Any, str]]:
        """Pickle by the three parts, so the error crosses process borders."""
        return type(self), (self.field, self.value, self.allowed)


def shown(value: Any) -> str:
    """Return a value as an error shows it: on one line, cut at VALUE_WIDTH characters.

    What it holds is never written out in full, so that a huge value costs no memory.
    """
    try:
        text = _SHORT.repr(value[: 2 * VALUE_WIDTH] if isinstance(value, bytes) else value)
    except Exception:  # whatever the value's own __repr__ raises
        text = f"<{type(value).__name__}>"
    return _cut(text, VALUE_WIDTH)


def _cut(text: str, width: int) -> str:
    """Return a text on one line; too long a one keeps its beginning and its end."""
    if len(text) > width:
        tail = width // 4
        text = f"{text[: width - tail - 3]}...{text[len(text) - tail :]}"
    return " ".join(text.splitlines())


def _short() -> reprlib.Repr:
    short = reprlib.Repr()
    short.maxlevel = 3
    short.maxdict = short.maxlist = short.maxtuple = short.maxset = short.maxfrozenset = 12
    short.maxarray = short.maxdeque = 12
    short.maxstring = short.maxlong = short.maxother = 2 * VALUE_WIDTH
    return short


_SHORT = _short()


def input_error(error: ValidationError, model: type[BaseModel], place: str = "") -> InputError:
    """Return the first thing that pydantic found wrong with a `model` as our one error.

    `place` is put before the field's name, such as "FILE: ".
    """
    first = error.errors(include_url=False)[0]
    path, parts = _led_to(model, [str(key) for key in first["loc"]])
    field = place + (".".join(path) or model.__name__.lower())
    value, context = first["input"], first.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, InputError):
        inner = ".".join([*path, *cause.field.split()])
        return InputError(place + inner, cause.value, cause.allowed)
    if first["type"] == "extra_forbidden":
        return InputError(field, value, "one of the fields " + ", ".join(parts[0].model_fields))
    if first["type"].startswith("union_tag"):
        tag = context["discriminator"].strip("'")
        known = [repr(t) for part in parts for t in get_args(part.model_fields[tag].annotation)]
        return InputError(f"{field}.{tag}", value, " or ".join(known))
    if first["type"] == "missing":
        return InputError(field, "nothing", "this field is required")
    given = "the given fields" if isinstance(value, dict | BaseModel) else value
    allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return InputError(field, given, allowed)


def _led_to(model: type[BaseModel], keys: list[str]) -> tuple[list[str], list[type[BaseModel]]]:
    """Return the path that pydantic's keys stand for, and the models that its end may hold.

    Pydantic puts the tag of a union's member among the keys, where a file has none.
    """
    path: list[str] = []
    parts = [model]
    for key in keys:
        tagged = [part for part in parts if len(parts) > 1 and key in _literals(part)]
        if tagged:
            parts = tagged
            continue
        path.append(key)
        fields = [part.model_fields[key] for part in parts if key in part.model_fields]
        parts = [inner for field in fields for inner in _models(field.annotation)] or parts
    return path, parts


def _literals(part: type[BaseModel]) -> list[Any]:
    return [value for field in part.model_fields.values() for value in get_args(field.annotation)]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation names, within whatever containers."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


@contextmanager
def needs(purpose: str, extra: str) -> Iterator[None]:
    """Import optional packages for a purpose in the block; InputError names one that is missing."""
    try:
        yield
    except ImportError as error:
        raise missing_package(str(error.name), purpose, extra) from None


def missing_package(package: str, purpose: str, extra: str) -> InputError:
    """Return the error for an optional `package` that `purpose` needs but is not installed."""
    return InputError(package, "not installed", f"pip install 'edgeroute[{extra}]' for {purpose}")
