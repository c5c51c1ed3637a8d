"""The one error that bad input gets: it names the field, the value and what is allowed."""

from __future__ import annotations

import reprlib
from typing import Any

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


def allowed_by(message: str) -> str:
    """Return what a message of pydantic's says is allowed."""
    return message.removeprefix("Value error, ").removeprefix("Input should be ")


def missing_package(package: str, purpose: str, extra: str) -> InputError:
    """Return the error for an optional `package` that `purpose` needs but is not installed."""
    return InputError(package, "not installed", f"pip install 'edgeroute[{extra}]' for {purpose}")
