"""What the disk refuses, in one line."""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saga.errors import SagaError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_TEXTS = ("no space left", "disk quota", "file too large", "os error 28", "os error 122", "os error 27")


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turns what goes wrong with the disk while a target is written into a SagaError that names it.

    Libraries have error types of their own for a full disk; they are known by what they say.

    Raises:
        SagaError: the disk is full, a limit of sizes is reached, or the place cannot be written.
    """
    try:
        sys.audit("saga.write", str(target))  # libraries in other languages write without Python's notice
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise SagaError(_full(target)) from error
        raise SagaError(
            f"{target}: cannot be written ({error.strerror or error}); choose another place or make room."
        ) from error
    except Exception as error:
        if any(text in str(error).lower() for text in _FULL_TEXTS):
            raise SagaError(_full(target)) from error
        raise


def require_room(target: str | Path, size: int) -> None:
    """Refuses to begin what the disk has no room for: to be called before long work, not after it.

    Args:
        target: the file or folder that will be written.
        size: bytes that it will take at least. An earlier result stays until the new one is whole.

    Raises:
        SagaError: less is free in its folder.
    """
    folder, free = _free(Path(target))
    if size > free:
        raise SagaError(
            f"{target}: expected {size / 1e6:,.0f} MB of room to write it, found {free / 1e6:,.0f} MB free in "
            f"{folder}; make room or choose another place."
        )


def _free(target: Path) -> tuple[Path, int]:
    """Returns the folder that a target will be in, or the nearest that is there, and the bytes free in it."""
    folder = next(parent for parent in (target, *target.absolute().parents) if parent.is_dir())
    return folder, shutil.disk_usage(folder).free


def _full(target: Path) -> str:
    folder, free = _free(target)
    return (
        f"{target}: expected room to write it, found the disk full or a limit of sizes reached ({free / 1e6:,.0f} MB "
        f"free in {folder}); make room or choose another place."
    )
