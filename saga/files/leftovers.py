"""Temporary files and folders beside a target, told apart from those of dead runs by a lock."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks: leftovers stay there
    fcntl = None  # type: ignore[assignment]

PREFIX = ".saga-partial-"
_LOCK = "lock"


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Makes an empty temporary file beside `path` that keeps its suffix, and removes it if it is still there after.

    Leftovers of dead runs for the same target are removed first.
    """
    remove_leftovers(path)
    temporary = path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}{path.suffix}")
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        _lock(handle)
        yield temporary
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(target: Path, parent: Path) -> Iterator[Path]:
    """Makes a temporary folder in `parent` for the result `target`, and removes it with all it holds after.

    Leftovers of dead runs for the same target are removed first.
    """
    remove_leftovers(parent / target.name)
    folder = parent / f"{_prefix(target)}{secrets.token_hex(4)}"
    folder.mkdir()
    handle = os.open(folder / _LOCK, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        _lock(handle)
        yield folder
    finally:
        os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Removes temporary files and folders that runs which are no longer alive left for a target."""
    with contextlib.suppress(OSError):
        for entry in list(target.parent.iterdir()):
            if entry.name.startswith(_prefix(target)) and _is_dead(entry):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)


def is_leftover(name: str) -> bool:
    """Tells whether a file name is that of something temporary."""
    return name.startswith(PREFIX)


def _prefix(target: Path) -> str:
    # Names of targets may be as long as names can be; what is temporary for them must not be longer.
    return f"{PREFIX}{target.stem[:40]}-"


def _is_dead(entry: Path) -> bool:
    """Whether nobody holds the lock of something temporary; when in doubt, somebody does."""
    if fcntl is None:
        return False
    lock = entry / _LOCK if entry.is_dir() else entry
    try:
        handle = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return entry.is_dir()  # killed before it made its lock, or a moment before it does: then it says so
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
