"""Routers of a user's own, named on the command line by where their code is."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from edgeroute_env.errors import InputError, shown
from edgeroute_env.evaluation.compare import Contender
from edgeroute_env.parallel import travels
from edgeroute_env.routing import Insider, Role, Router

OWN = "MODULE:CLASS"  # MODULE is importable from the present folder, or the path of a .py file
FIELD = "--router"


def is_own(text: str) -> bool:
    """Return whether a text names a router by its code; names of ours hold no colon."""
    return ":" in text


def own_router(text: str) -> Router:
    """Return the router that a class, or a function without arguments, in a module makes.

    Raises:
        InputError: the module or class is not there, fails, or makes no router.
    """
    return _made(text)[0]


def own_contender(text: str) -> Contender:
    """Return a router with its part in a comparison and a hash of its source file.

    One that sees the simulator is labelled as an oracle.
    """
    router, source = _made(text)
    role = Role.ORACLE if isinstance(router, Insider) else Role.ANALYTIC
    digest = hashlib.sha256(source.read_bytes() + text.encode()).hexdigest()[:16]
    return Contender(router, role, fingerprint=digest)


def _made(text: str) -> tuple[Router, Path]:
    """Return a router and the file that its code is in."""
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        raise InputError(FIELD, text, f"{OWN}, e.g. my_router:Patient or ./my_router.py:Patient")
    module = _module(text, place)
    travels(module)  # the workers of --jobs and --cluster cannot import it
    make = getattr(module, name, None)
    if make is None:
        raise InputError(FIELD, text, f"a class or function that {place} has")
    if not callable(make):
        raise InputError(FIELD, text, "a class, or a function without arguments")
    try:
        router: Any = make()
    except Exception as error:
        allowed = f"made without arguments; {name}() raised {type(error).__name__}: {shown(error)}"
        raise InputError(FIELD, text, allowed) from None
    methods = callable(getattr(router, "reset", None)) and callable(getattr(router, "route", None))
    if inspect.isclass(router) or not methods or not isinstance(getattr(router, "name", 0), str):
        allowed = "a router: a name (a text), and the methods reset(n) and route(observations)"
        raise InputError(FIELD, text, allowed)
    return router, Path(str(module.__file__))


def _module(text: str, place: str) -> ModuleType:
    try:
        if place.endswith(".py"):
            return _from_file(Path(place))
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
        return importlib.import_module(place)
    except FileNotFoundError:
        raise InputError(FIELD, text, "a file that is there") from None
    except Exception as error:  # whatever the user's own code raises
        allowed = f"a module that can be imported ({type(error).__name__}: {shown(str(error))})"
        raise InputError(FIELD, text, allowed) from None


def _from_file(path: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location(f"own_router_{path.stem}", path)
    assert found is not None  # the name ends in .py
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses and pickles look it up there
    found.loader.exec_module(module)
    return module
