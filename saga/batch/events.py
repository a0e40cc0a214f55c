"""Events of a batch: one JSON line for each, and whoever else wants to be told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from saga.files.json_values import json_text

Kind = Literal["began", "kept", "submitted", "done", "retried", "failed", "not run", "interrupted", "ended"]
"""Of a batch: it began, was interrupted, ended. Of a task: its result of an earlier run serves (kept), it was given to
the engine, it is done, is tried again, has failed at last, or is not run because one that it waits for has failed."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a batch or one of its tasks."""

    event: Kind
    """What happened."""
    task: str = ""
    """The task; empty for the batch itself."""
    seconds: float | None = None
    """How long the task took."""
    attempt: int | None = None
    """Which attempt it was, from 1."""
    message: str = ""
    """What went wrong, or what people should know."""
    host: str = ""
    """The machine that did it."""
    process: int | None = None
    """The process that did it."""
    time: float = 0.0
    """When, in seconds since 1970."""


Watcher = Callable[[Event], None]
"""Is told of every event."""


class EventLog:
    """A file with one JSON line for each event, to which every run of a batch adds."""

    def __init__(self, path: Path) -> None:
        """Opens the file, which is made when it is missing; a line that a killed run did not end is ended."""
        self._file = path.open("ab+")
        if self._file.tell():
            self._file.seek(-1, 2)
            if self._file.read() != b"\n":
                self._file.write(b"\n")

    def __call__(self, event: Event) -> None:
        """Writes an event, without what it has nothing of."""
        facts = {name: value for name, value in asdict(event).items() if value not in ("", None)}
        facts["time"] = datetime.fromtimestamp(event.time, timezone.utc).isoformat(timespec="milliseconds")
        self._file.write(f"{json_text(facts)}\n".encode())
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def now() -> float:
    """Returns the time in seconds since 1970."""
    return time.time()
