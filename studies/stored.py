"""What a study has found, kept in a small JSON file so that no one has to measure it again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgeroute_env.files import replacing

FOLDER = Path(__file__).parent / "stored"


def kept(file: Path, name: str, key: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """Return what a file holds under a name; made, and written there, where its key is another.

    `key` states all that the finding depends on. Both are what JSON can hold.
    """
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known = content.get(name)
    if known is None or known["key"] != key:
        known = content[name] = {"key": dict(key), "found": make()}
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as part:
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return known["found"]
