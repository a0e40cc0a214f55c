"""What lies where a file is expected and is none: a pipe would be waited for, and some devices have no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from saga.errors import SagaError


def refuse_special(path: Path, expected: str) -> None:
    """Refuses pipes, sockets and devices, also those in a folder; to be called before anything there is opened.

    What is missing is passed over: the reader says so in its own words.

    Args:
        path: the file or folder.
        expected: what it should hold.

    Raises:
        SagaError: there is something that is neither a file nor a folder.
    """
    for each in (path, *_entries(path)):
        if _kind(each) not in (None, stat.S_IFREG, stat.S_IFDIR):
            raise SagaError(f"{each}: expected {expected}, found a pipe or a device; give a file.")


def first_bytes(path: Path, count: int) -> bytes:
    """Returns the first bytes of a file, to see what it may be; none of what cannot be read."""
    if _kind(path) != stat.S_IFREG:
        return b""
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except OSError:
        return b""


def real_path(path: Path) -> Path:
    """Returns a path without links; that of a link that leads back to itself is its own."""
    return Path(os.path.realpath(path))  # Path.resolve raises for those before Python 3.13


def _kind(path: Path) -> int | None:
    """Returns the type that the mode of a file has; None where there is none."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: no file has such a name
        return None


def _entries(path: Path) -> list[Path]:
    if _kind(path) != stat.S_IFDIR:
        return []
    try:
        with os.scandir(path) as entries:
            return [Path(entry.path) for entry in entries if not entry.is_file()]
    except OSError:
        return []
