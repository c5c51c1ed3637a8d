"""Pictures of a running episode; pygame is not imported before something is drawn."""

from __future__ import annotations

import os

from gymnasium.error import DependencyNotInstalled


def need_pygame() -> None:
    """Raise DependencyNotInstalled where pygame is missing; its greeting is not printed."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame  # noqa: F401  (here, so that nobody needs it who draws nothing)
    except ImportError as error:
        need = "rendering needs pygame; install it with: pip install 'edgeroute[render]'"
        raise DependencyNotInstalled(need) from error
