"""JSON that results hold: numbers that are not finite, and names that are no text, do not make it unreadable."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


def json_text(contents: Any, indent: int | None = None) -> str:
    """Returns JSON values as text that every reader of JSON takes.

    JSON has no infinite numbers: they become null. What a name holds beyond text is written as its escape.
    """
    text = json.dumps(finite(contents), indent=indent, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace").decode()


def write_json(path: Path, contents: Any) -> None:
    """Writes JSON values, as `json_text` makes text of them, for people and programs to read."""
    path.write_bytes(json_text(contents, indent=1).encode())


def finite(value: Any) -> Any:
    """Returns JSON values with None in the place of numbers that are not finite, and lists in that of arrays."""
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy and PyTorch
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, (list, tuple)) else value
