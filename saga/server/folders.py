"""The folders that are served: what a request names lies in them, and so does all that is opened for it.

A path is looked at with all its links followed. That is not enough: a file of cameras names photographs, readers look
for cameras in the folders above a scene, and any of these may be a link. So every file that a working thread opens,
lists or makes is held against the folders too, when Python or a reader of saga's is about to open it (PEP 578).
"""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.server.problems import MissingError, OutsideError

_READS = frozenset({"open", "os.listdir", "os.scandir", "saga.read"})
_CHANGES = frozenset({
    "os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile", "saga.write",
})  # fmt: skip
_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev", "/usr/share/zoneinfo", "/etc/localtime")))
"""Of the system itself, which libraries ask about memory, processors and the time; no request can name it."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_worker = threading.local()
_hooked = threading.Lock()


class Folders:
    """Folders that scenes are read from and results are written into."""

    def __init__(self, roots: Sequence[str | Path]) -> None:
        """Takes the folders, at least one. Raises SagaError for one that is not there."""
        if not roots:
            raise SagaError("folders: expected at least one folder to serve, found none; give one.")
        for root in roots:
            if not Path(root).is_dir():
                raise SagaError(f"{root}: expected a folder to serve, found none; give one that is there.")
        self.roots = tuple(Path(root).resolve() for root in roots)
        self.own: Path | None = None
        """A temporary folder that readers may use."""

    def place(self, text: str) -> Path:
        """Returns where a path of a request leads, links followed; relative ones begin at the first folder.

        Raises:
            OutsideError: it leads out of the folders.
        """
        if "\0" in text or not text.strip():
            raise OutsideError(f"path {text!r}: expected a path inside the folders that are served, found none.")
        try:
            found = (self.roots[0] / text).resolve()
            found.exists()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or a name that is too long
            raise OutsideError(f"path {text[:200]!r}: expected a path, found one that leads nowhere.") from error
        if not self.holds(found):
            raise OutsideError(
                f"path {text[:200]!r}: expected one inside the folders that are served, found one outside of them; "
                "serve its folder too."
            )
        return found

    def file(self, text: str) -> Path:
        """Returns a file of a request. Raises OutsideError, or MissingError where there is no file."""
        found = self.place(text)
        if not found.is_file():
            raise MissingError(f"path {text!r}: expected a file, found none there; give another.")
        return found

    def existing(self, text: str) -> Path:
        """Returns a file or folder of a request. Raises OutsideError, or MissingError where there is nothing."""
        found = self.place(text)
        if not found.exists():
            raise MissingError(f"path {text!r}: expected a file or folder, found nothing there; give another.")
        return found

    def name(self, path: Path) -> str:
        """Returns the path for answers: relative to the first folder where it lies in it."""
        return str(path.relative_to(self.roots[0])) if path.is_relative_to(self.roots[0]) else str(path)

    def holds(self, path: Path) -> bool:
        """Whether a path without links in it lies in one of the folders."""
        return any(path.is_relative_to(root) for root in self.roots)

    def guard_this_thread(self) -> None:
        """From now on this thread opens, lists and changes nothing outside the folders but what Python itself needs."""
        with _hooked:
            if not getattr(sys, "_saga_guard", False):
                sys.addaudithook(_audit)
                sys._saga_guard = True  # type: ignore[attr-defined]
        _worker.folders = self


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Holds what a guarded thread is about to do against its folders. Raises PermissionError."""
    folders: Folders | None = getattr(_worker, "folders", None)
    if folders is None or (event not in _READS and event not in _CHANGES):
        return
    changes = event in _CHANGES or (event == "open" and _writes(arguments))
    paths = [each for each in arguments[:2] if isinstance(each, (str, bytes, os.PathLike))]
    if event == "open":
        paths = paths[:1]
    _worker.folders = None  # what the check itself opens is not checked
    try:
        for path in paths:
            _check(folders, event, Path(os.fsdecode(path)), changes)
    finally:
        _worker.folders = folders


def _writes(arguments: tuple[Any, ...]) -> bool:
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & _WRITING)


def _check(folders: Folders, event: str, path: Path, changes: bool) -> None:
    # What is renamed, removed or replaced is a link itself, not what it leads to.
    real = Path(os.path.realpath(path.parent)) / path.name if event in _CHANGES else Path(os.path.realpath(path))
    if folders.holds(real) or (folders.own is not None and real.is_relative_to(folders.own)) or str(real) == os.devnull:
        return
    if not changes and any(real.is_relative_to(place) for place in (*_SYSTEM, *_libraries())):
        return
    raise PermissionError(1, "it lies outside the folders that are served", str(path))


@functools.cache
def _libraries() -> tuple[Path, ...]:
    """Where Python's and saga's own modules lie, which are loaded when they are needed."""
    places = {*sysconfig.get_paths().values(), *site.getsitepackages(), str(Path(__file__).parents[1])}
    return tuple(Path(place).resolve() for place in places)
