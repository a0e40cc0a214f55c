"""Files that are either whole or not there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from saga.errors import SagaError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; it becomes `path` when the block ends without an error.

    The temporary name keeps the suffix, because some writers choose the format by it. Missing parent
    folders are made. Raises SagaError when the file system refuses.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise SagaError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place or make room"
        ) from error
    finally:
        with suppress(OSError):  # what stood in the way of writing also stands in the way of removing
            temporary.unlink()
