"""Temporary folders beside a target, told apart from those of dead runs by a lock."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from saga.files.interruption import done_anyway, uninterrupted

try:
    import fcntl
except ImportError:  # Windows has no such locks: leftovers stay there
    fcntl = None  # type: ignore[assignment]

PREFIX = ".saga-partial-"
LOCK = "lock"
"""Name of the file in a temporary folder whose lock says that its run is alive."""
_ATTEMPTS = 100


@contextmanager
def temporary_folder(target: Path, parent: Path) -> Iterator[Path]:
    """Makes a temporary folder in `parent` for the result `target`, and removes it with all it holds after.

    Leftovers of dead runs for the same target are removed first.
    """
    remove_leftovers(parent / target.name)
    made: list[tuple[Path, int]] = []
    try:
        with uninterrupted():  # an interruption comes when the folder is known, and is removed again
            made.append(_made(target, parent))
        yield made[0][0]
    finally:
        for folder, handle in made:
            done_anyway(partial(_discard, folder, [handle]))


def _discard(folder: Path, handles: list[int]) -> None:
    """Removes a temporary folder whose lock is held by the one handle; called again, what is left of it."""
    _empty(folder)
    while handles:  # before its file is removed, which Windows would not do
        os.close(handles.pop())
    _remove_emptied(folder)


def remove_leftovers(target: Path) -> None:
    """Removes temporary folders, and files, that runs which are no longer alive left for a target."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            for entry in list(target.parent.iterdir()):
                if entry.name.startswith(_prefix(target)) and not entry.is_symlink():
                    _remove_dead(entry)


def is_leftover(name: str) -> bool:
    """Tells whether a file name is that of something temporary."""
    return name.startswith(PREFIX)


def _prefix(target: Path) -> str:
    # Names of targets may be as long as names can be; what is temporary for them must not be longer.
    return f"{PREFIX}{target.stem[:40]}-"


def _made(target: Path, parent: Path) -> tuple[Path, int]:
    """Makes a folder; returns it, and the handle of its lock, which is held."""
    for _ in range(_ATTEMPTS):
        folder = parent / f"{_prefix(target)}{secrets.token_hex(4)}"
        folder.mkdir()
        try:
            handle = os.open(folder / LOCK, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except FileNotFoundError:  # another run took it for a dead one's before it had a lock
            continue
        except BaseException:
            _remove_emptied(folder)
            raise
        if _is_ours(handle, folder / LOCK):
            return folder, handle
        os.close(handle)
    raise OSError(errno.EBUSY, "others keep removing its temporary folders")


def _is_ours(handle: int, lock: Path) -> bool:
    """Takes a lock that was just made; False when another run took it for a dead one's before."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.stat(lock).st_ino == os.fstat(handle).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # a file system without locks
        return True


def _remove_dead(entry: Path) -> None:
    """Removes something temporary if nobody holds its lock, and holds it meanwhile; when in doubt, somebody does."""
    try:
        handle = os.open(entry / LOCK if entry.is_dir() else entry, os.O_RDWR)
    except FileNotFoundError:  # its run was killed before it made a lock, or is about to: nothing is in it
        _remove_emptied(entry)
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if entry.is_dir():
            _empty(entry)
            _remove_emptied(entry)
        else:
            entry.unlink()
    except BlockingIOError:
        pass
    finally:
        os.close(handle)


def _empty(folder: Path) -> None:
    """Removes all in a folder but its lock, without which nobody would know later that what is left is nobody's."""
    with contextlib.suppress(OSError):
        for entry in list(folder.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != LOCK:
                entry.unlink(missing_ok=True)


def _remove_emptied(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()
