"""Reading a JSON file that a person gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.files.pointers import refuse_pointer


def read_json(path: Path) -> Any:
    """Returns the contents of a JSON file in UTF-8, UTF-16 or UTF-32, with a byte order mark or without.

    Raises:
        SagaError: the file is missing or no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise SagaError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        refuse_pointer(path)
        raise SagaError(f"{path}: not a JSON file ({error}); write it again") from error
