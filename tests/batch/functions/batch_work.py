"""What tasks of the tests do: importable by its name, as workers of another process need it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.files.transaction import atomic_path

Places = dict[str, Path]
THREADS_AT_IMPORT = os.environ.get("OMP_NUM_THREADS", "none")
"""What libraries that were loaded with this module would compute with."""


def write(places: Places, text: str = "", log: str = "") -> dict[str, Any]:
    """Writes the text, and all inputs, into the output."""
    _note(log, places)
    given = "".join(path.read_text() for name, path in sorted(places.items()) if name not in ("out", "cache"))
    with atomic_path(places["out"]) as temporary:
        temporary.write_text(text + given)
    return {"letters": len(text + given)}


def fail_until(places: Places, tries: str, times: int, log: str = "") -> None:
    """Fails so many times, and then writes."""
    if _count(tries) <= times:
        raise SagaError(f"{places['out']}: expected luck, found none; try again.")
    write(places, "well", log)


def crash(places: Places) -> None:
    """Is a bug."""
    raise ZeroDivisionError("a bug")


def die_until(places: Places, tries: str, times: int = 1) -> None:
    """Is killed so many times, as the system does it, and then writes."""
    if _count(tries) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    write(places, "survived")


def wait(places: Places, began: str) -> None:
    """Says that it has begun, and goes on until somebody ends it."""
    folder = places["out"].parent / "half"
    folder.mkdir(exist_ok=True)
    try:
        Path(began).write_text(str(os.getpid()))
        time.sleep(60)
    finally:
        folder.rmdir()


def threads(places: Places) -> None:
    """Writes how many threads libraries are told to compute with."""
    write(places, os.environ.get("OMP_NUM_THREADS", "none"))


def threads_at_import(places: Places) -> None:
    """Writes how many threads libraries were told to compute with when this module was loaded."""
    write(places, THREADS_AT_IMPORT)


def nothing(places: Places) -> None:
    """Makes nothing."""


def _note(log: str, places: Places) -> None:
    if log:
        with Path(log).open("a") as file:
            file.write(f"{places['out'].name}\n")


def _count(tries: str) -> int:
    with Path(tries).open("a") as file:
        file.write("x")
    return len(Path(tries).read_text())


def hold(places: Places, began: str, go: str) -> None:
    """Says that it has begun, and goes on once a file is there."""
    Path(began).write_text(str(os.getpid()))
    while not Path(go).exists():
        time.sleep(0.05)
    write(places, "held")
