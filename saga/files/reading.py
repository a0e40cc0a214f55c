"""The one boundary between files that others wrote and the toolkit: what goes wrong in a reader is one line.

A file may be damaged, truncated, of another kind, or made to harm. Libraries answer that with errors of a hundred
types, or by asking for more memory than there is because a header says so. Every reader therefore runs inside
`reading`, and holds what a header says against the file's size and `require_memory` before it makes room for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saga.errors import SagaError
from saga.files.pointers import refuse_pointer
from saga.files.special import refuse_special

_LONGEST_REASON = 160
_LEAVING: tuple[type[BaseException], ...] = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What goes through the boundary as it is."""


@contextmanager
def reading(
    path: Path, expected: str, advice: str = "write it again", passing: tuple[type[BaseException], ...] = ()
) -> Iterator[None]:
    """Turns whatever is raised while a file is read and understood into one line that names it.

    Args:
        path: the file or folder.
        expected: what it should hold, e.g. "a picture of masks".
        advice: what a person should do.
        passing: errors that the caller tells apart by itself.

    Raises:
        SagaError: the file cannot be read, or holds something else.
    """
    try:
        sys.audit("saga.read", str(path))  # libraries in other languages read without Python's notice
        refuse_special(path, expected)
        yield
    # Libraries written in Rust raise what is no Exception when they find a bug of their own.
    except BaseException as error:
        if isinstance(error, (*_LEAVING, *passing)):
            raise
        for file in sorted(path.glob("*.*")) if path.is_dir() else [path]:
            refuse_pointer(file)
        if isinstance(error, SagaError):
            raise
        raise SagaError(f"{path}: expected {expected}, found {_reason(error)}; {advice}.") from error


def require_memory(path: Path, what: str, size: int) -> None:
    """Refuses contents that this machine cannot hold, before room is made for them.

    Args:
        path: the file.
        what: what takes the memory, e.g. "4000 masks of 8000x6000".
        size: bytes that it takes.

    Raises:
        SagaError: the machine has less memory than that, or the process may use less.
    """
    most = memory_limit()
    if size > most:
        raise SagaError(
            f"{path}: expected contents that fit into {most / 1e9:,.0f} GB of memory, found {what}, which take "
            f"{size / 1e9:,.0f} GB; give fewer or smaller ones."
        )


def memory_limit() -> int:
    """Returns the memory in bytes that this process can have at most."""
    try:
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return 1 << 40
    import resource  # is on every system that has os.sysconf

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return most if soft == resource.RLIM_INFINITY else min(most, soft)


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "contents that are nested too deeply"
    if isinstance(error, MemoryError):
        return "contents that take more memory than this machine can give"
    if isinstance(error, KeyError):
        return f"no {' '.join(str(error).split())}"[:_LONGEST_REASON]
    if isinstance(error, OSError) and error.strerror:
        return f"one that cannot be read ({error.strerror})"
    text = " ".join(str(error).split()) or type(error).__name__
    return f"one that is truncated, damaged or of another kind ({text[:_LONGEST_REASON]})"
