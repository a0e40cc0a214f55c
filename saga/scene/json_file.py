"""Reading a JSON file that a person gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saga.files.reading import reading, require_memory

_TIMES = 20
"""Values of JSON take up to so many times the bytes of their text in memory."""


def read_json(path: Path, advice: str = "write it again") -> Any:
    """Returns the contents of a JSON file in UTF-8, UTF-16 or UTF-32, with a byte order mark or without.

    Args:
        path: the file.
        advice: what a person should do where it is damaged.

    Raises:
        SagaError: the file is missing, no JSON or nested too deeply.
    """
    with reading(path, "a JSON file", advice):
        size = path.stat().st_size
        require_memory(path, f"{size} bytes of JSON", _TIMES * size)
        return json.loads(path.read_bytes())
