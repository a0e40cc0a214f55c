"""JSON that results hold: numbers that are not finite, and names that are no text, do not make it unreadable."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


def write_json(path: Path, contents: Any) -> None:
    """Writes JSON values for people and programs to read.

    JSON has no infinite numbers: they become null. What a name holds beyond text is written as its escape.
    """
    text = json.dumps(finite(contents), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_bytes(text.encode(errors="backslashreplace"))


def finite(value: Any) -> Any:
    """Returns JSON values with None in the place of numbers that are not finite, and lists in that of tuples."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, (list, tuple)) else value
