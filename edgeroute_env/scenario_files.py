"""Scenarios by name, path or mapping, with dotted overrides and one clear error per bad field."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgeroute_env.config_files import DEEPEST, config_names, config_path, parse_yaml, read_yaml
from edgeroute_env.errors import InputError, input_error
from edgeroute_env.scenario import Scenario

DEFAULT = "paper"
BASES = "bases"  # the folder of scenarios that are no presets, but can be extended


def scenario_names() -> list[str]:
    """Return the names of the presets, sorted."""
    return config_names("scenarios")


def load_scenario(
    source: str | os.PathLike[str] | Mapping[str, Any] | Scenario = DEFAULT,
    overrides: Mapping[str, Any] | None = None,
) -> Scenario:
    """Return a validated scenario.

    Args:
        source: a preset's name, a path to a YAML file, a mapping, or a `Scenario`.
        overrides: dotted field names and their new values, e.g. `{"radio.carrier_ghz": 2.6}`.

    Raises:
        InputError: names the first bad field, its value and what is allowed.
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        raise InputError("overrides", overrides, "a mapping from dotted fields to values")
    if isinstance(source, Scenario):
        if not overrides:
            return source
        content: dict[str, Any] = _copied(source.model_dump())
    elif isinstance(source, Mapping):
        content = _extended(_copied(source))
    elif isinstance(source, str | os.PathLike):
        path = scenario_file(source)
        is_preset = str(source) == path.stem
        if is_preset and not overrides:
            return _preset(path)
        content = _copied(_preset_content(path)) if is_preset else _extended(read_yaml(path))
    else:
        raise InputError("scenario", source, "a name, a path, a mapping or a Scenario")
    for dotted, value in (overrides or {}).items():
        if not isinstance(dotted, str):
            raise InputError("overrides", dotted, "a dotted field name, e.g. radio.carrier_ghz")
        _override(content, dotted, value)
    return _validated(content)


@cache
def _preset(path: Path) -> Scenario:
    """Return a preset; a program reads its file once."""
    return _validated(_preset_content(path))


@cache
def _preset_content(path: Path) -> dict[str, Any]:
    return _extended(read_yaml(path))


def _validated(content: dict[str, Any]) -> Scenario:
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        raise input_error(error, Scenario) from None


def scenario_hash(scenario: Scenario) -> str:
    """Return the hash of all that a scenario says; its name and description do not count."""
    content = scenario.model_dump_json(exclude={"name", "description"})
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def parse_overrides(assignments: list[str]) -> dict[str, Any]:
    """Return the overrides that `FIELD=VALUE` texts of the command line stand for."""
    overrides = {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        if not equals or not field:
            raise InputError("--set", assignment, "FIELD=VALUE, e.g. radio.carrier_ghz=2.6")
        overrides[field] = parse_yaml(value, field)
    return overrides


def scenario_file(source: str | os.PathLike[str]) -> Path:
    """Return the YAML file that a preset's name or a path stands for."""
    path = Path(source)
    if path.suffix in {".yaml", ".yml"}:
        return path
    if str(source) not in scenario_names():
        known = ", ".join(scenario_names())
        raise InputError("scenario", str(source), f"a path to a .yaml file, or one of {known}")
    return config_path("scenarios", f"{source}.yaml")


def _extended(content: dict[str, Any]) -> dict[str, Any]:
    """Lay a scenario's fields over those of the preset that it `extends`, if it names one."""
    base = content.pop("extends", None)
    if base is None:
        return content
    path = base_file(base)
    if base == content.get("name"):
        raise InputError("extends", base, "another scenario than itself")
    if "name" not in content:
        raise InputError("name", "nothing", f"a name of its own, since it extends {base}")
    return laid_over(_copied(_preset_content(path)), content)


def base_file(base: Any) -> Path:
    """Return the YAML file that `extends` names: a preset's, or one that is only a base."""
    if base in config_names(BASES):
        return config_path(BASES, f"{base}.yaml")
    if not isinstance(base, str) or base not in scenario_names():
        known = ", ".join(scenario_names() + config_names(BASES))
        raise InputError("extends", base, f"one of {known}")
    return config_path("scenarios", f"{base}.yaml")


def laid_over(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `base` with those of `top` over them; only mappings are merged."""
    merged = dict(base)
    for key, value in top.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = laid_over(base[key], value) if both else value
    return merged


def _copied(value: Any, depth: int = 0) -> Any:
    """Copy nested mappings and sequences, so that overrides never reach the caller's own."""
    if depth > DEEPEST:
        raise InputError("scenario", value, f"fields nested at most {DEEPEST} deep")
    if isinstance(value, Mapping):
        return {key: _copied(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item, depth + 1) for item in value]
    return value


def _override(content: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    place: Any = content
    for depth, key in enumerate(parents):
        if isinstance(place, dict):
            place.setdefault(key, {})
        place = place[_key(place, key, dotted, key)]
        if isinstance(place, str):  # a catalog name has no fields of its own to override
            done = ".".join(parents[: depth + 1])
            raise InputError(dotted, value, f"give {done} as a mapping to change its parts")
    place[_key(place, last, dotted, value)] = value


def _key(place: Any, key: str, dotted: str, shown: Any) -> Any:
    """Return by what a mapping or a list holds a part; InputError shows what cannot be there."""
    if isinstance(place, dict):
        return key
    if not isinstance(place, list | tuple):
        raise InputError(dotted, shown, "a field of the scenario")
    if not key.isdecimal() or len(key) > 9 or int(key) >= len(place):
        raise InputError(dotted, key, f"an index from 0 to {len(place) - 1}")
    return int(key)
