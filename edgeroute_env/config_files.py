"""Where the YAML files of `configs` are, and how they are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from edgeroute_env.errors import InputError

_PACKAGE = Path(__file__).parent


def config_path(*parts: str) -> Path:
    """Return a path below `configs`, which is inside an installed wheel or in a source checkout."""
    packaged = _PACKAGE / "configs"
    root = packaged if packaged.is_dir() else _PACKAGE.parent / "configs"
    return root.joinpath(*parts)


def config_names(folder: str) -> list[str]:
    """Return the names of the YAML files in a folder of `configs`, sorted."""
    return sorted(path.stem for path in config_path(folder).glob("*.yaml"))


class Loader(yaml.SafeLoader):
    """Reads 1e9 as a number, as YAML 1.2 does; PyYAML by default reads it as text."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def parse_yaml(text: str, field: str) -> Any:
    """Return the value that a YAML text stands for; InputError if it is not YAML."""
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise InputError(field, " ".join(str(error).split()), "valid YAML") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; InputError if it cannot be read or holds none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), str(error), "a readable YAML file") from None
    value = parse_yaml(text, str(path))
    if not isinstance(value, dict):
        raise InputError(str(path), type(value).__name__, "a YAML mapping")
    return value
