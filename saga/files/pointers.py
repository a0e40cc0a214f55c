"""Pointers that Git LFS leaves where a large file was not fetched."""

from __future__ import annotations

from pathlib import Path

from saga.errors import SagaError
from saga.files.special import first_bytes

_START = b"version https://git-lfs"


def refuse_pointer(path: Path) -> None:
    """Says that a file is a pointer and not the file itself; to be called before, or when, it cannot be read.

    Raises:
        SagaError: it is.
    """
    if first_bytes(path, len(_START)) == _START:
        raise SagaError(f"{path}: expected the file itself, found a Git LFS pointer to it; fetch it with git lfs pull.")
