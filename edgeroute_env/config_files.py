"""Where the YAML files of `configs` are, and how they are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from edgeroute_env.errors import InputError, shown
from edgeroute_env.files import read_whole, without_sha256

_PACKAGE = Path(__file__).parent

LONGEST_TEXT = 100_000  # characters: six times our longest file, and read in seconds
MOST_NODES = 50_000
DEEPEST = 50
MERGE = "tag:yaml.org,2002:merge"


def config_path(*parts: str) -> Path:
    """Return a path below `configs`, which is inside an installed wheel or in a source checkout."""
    packaged = _PACKAGE / "configs"
    root = packaged if packaged.is_dir() else _PACKAGE.parent / "configs"
    return root.joinpath(*parts)


def config_names(folder: str) -> list[str]:
    """Return the names of the YAML files in a folder of `configs`, sorted."""
    return sorted(path.stem for path in config_path(folder).glob("*.yaml"))


class Loader(yaml.SafeLoader):
    """Reads 1e9 as a number, as YAML 1.2 does; PyYAML's default takes it for text.

    A date stays a text: no field of ours is one.
    """

    def fetch_flow_collection_start(self, token_class: Any) -> None:
        """Open a bracket; PyYAML's time grows with the square of how deep it lies."""
        if self.flow_level >= DEEPEST:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=self.get_mark())
        super().fetch_flow_collection_start(token_class)


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def parse_yaml(text: str, field: str) -> Any:
    """Return the value that a YAML text stands for.

    Raises:
        InputError: the text is not YAML, or longer than a configuration can be; a mapping has a
            key twice; aliases repeat so much that the value would fill the memory.
    """
    if len(text) > LONGEST_TEXT:
        allowed = f"at most {LONGEST_TEXT} characters of YAML"
        raise InputError(field, f"{len(text)} characters", allowed)
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _written_out(node, field, {})
        return loader.construct_document(node)
    except InputError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise InputError(field, _line(text, mark), f"valid YAML: {error.problem}{place}") from None
    except RecursionError:
        raise InputError(field, text, "valid YAML, nested less deeply") from None
    except Exception as error:  # what Python's own int, float and so on raise in PyYAML
        raise InputError(field, text, f"valid YAML ({shown(error)})") from None


def _line(text: str, mark: yaml.Mark | None) -> str:
    lines = text.splitlines()
    return lines[min(mark.line, len(lines) - 1)].strip() if mark and lines else text


def _written_out(node: yaml.Node, field: str, sizes: dict[int, int | None]) -> int:
    """Return how many nodes a node stands for once its aliases are written out."""
    known = sizes.get(id(node), 0)
    if known is None:
        raise InputError(field, "an alias within itself", "valid YAML that ends")
    if known or not isinstance(node, yaml.CollectionNode):
        return known or 1
    sizes[id(node)] = None  # until it is known
    size, keys = 1, set()
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            size += _written_out(part, field, sizes)
        key = item[0] if isinstance(item, tuple) else None
        if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
            if (key.tag, key.value) in keys:
                raise InputError(
                    f"{field}, line {key.start_mark.line + 1}", key.value, "each key once"
                )
            keys.add((key.tag, key.value))
    if size > MOST_NODES:
        raise InputError(field, "repeating aliases", f"at most {MOST_NODES} values of YAML")
    sizes[id(node)] = size
    return size


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; InputError if it cannot be read or holds none."""
    try:
        text = read_whole(path, 4 * LONGEST_TEXT).decode("utf-8")  # 4 bytes a character at most
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a path with a null byte
        raise InputError(str(path), str(error), "a readable YAML file") from None
    value = parse_yaml(text, str(path))
    if not isinstance(value, dict):
        raise InputError(str(path), type(value).__name__, "a YAML mapping")
    return value


def read_checked_yaml(path: Path, field: str, allowed: str) -> dict[str, Any]:
    """Return what a YAML file holds beside its checksum, which has to fit.

    Raises:
        InputError: the file cannot be read; or, naming `field` and what is `allowed`, it was
            damaged or edited.
    """
    found = read_yaml(path)
    try:
        return without_sha256(found)
    except (TypeError, ValueError) as error:
        raise InputError(field, str(path), f"{allowed} ({error})") from None
