"""The one error that bad input gets: it names the field, the value and what is allowed."""

from __future__ import annotations

from typing import Any


class InputError(ValueError):
    """A scenario, trace, file or option that cannot be used.

    The command line prints the message alone and exits with code 2.
    """

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        """Name the `field`, the offending `value` and what is `allowed`."""
        self.field = field
        self.value = value
        self.allowed = allowed
        super().__init__(f"{field}: got {value!r}; allowed: {allowed}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, Any, str]]:
        """Pickle by the three parts, so the error crosses process borders."""
        return type(self), (self.field, self.value, self.allowed)


def allowed_by(message: str) -> str:
    """Return what a message of pydantic's says is allowed."""
    return message.removeprefix("Value error, ").removeprefix("Input should be ")


def missing_package(package: str, purpose: str, extra: str) -> InputError:
    """Return the error for an optional `package` that `purpose` needs but is not installed."""
    return InputError(package, "not installed", f"pip install 'edgeroute[{extra}]' for {purpose}")
