"""What a worker does: one task, from its inputs to its outputs, on whatever machine it is on."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from saga.batch.storage import Staging, identity
from saga.batch.task import Task
from saga.errors import SagaError


@dataclass(frozen=True)
class Work:
    """A task as it is handed to an engine."""

    task: Task
    """What to do."""
    staging: str
    """Folder of each machine for copies of what lies in storage."""
    threads: int = 0
    """Threads to compute with; 0 leaves that to the libraries."""

    def __call__(self) -> Outcome:
        """Does it. Raises nothing but what ends the process: a task that fails has an outcome too."""
        began, clock = time.time(), time.perf_counter()
        if self.threads:
            limit_threads(self.threads)
        facts: Mapping[str, Any] = {}
        outputs: dict[str, str] = {}
        error, trace = "", ""
        try:
            with _stopped_by_signals():
                facts, outputs = _done(self.task, Staging(Path(self.staging)))
        except SagaError as mistake:
            error = str(mistake)
        except Exception as failure:
            error = " ".join("".join(traceback.format_exception_only(failure)).split())
            trace = "".join(traceback.format_exception(failure))
        return Outcome(
            error, trace, began, round(time.perf_counter() - clock, 3), socket.gethostname(), os.getpid(),
            _peak_megabytes(), outputs, dict(facts),
        )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a task went."""

    error: str = ""
    """What went wrong, in one line; empty where nothing did."""
    trace: str = ""
    """The traceback of what is no mistake of a person's."""
    began: float = 0.0
    """When a worker began with it, in seconds since 1970."""
    seconds: float = 0.0
    """How long the worker took, with the staging of files."""
    host: str = ""
    """The worker's machine."""
    process: int = 0
    """The worker's process."""
    peak_megabytes: float = 0.0
    """The most memory that the worker has held since it began."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """What tells the outputs from other versions of them, by their names."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the function returned."""


def limit_threads(count: int) -> None:
    """Has all libraries of this process compute with so many threads, whether they are loaded or not."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != count:
        torch.set_num_threads(count)


def _done(task: Task, staging: Staging) -> tuple[Mapping[str, Any], dict[str, str]]:
    with staging.places(_there(task), task.outputs, task.caches) as places:
        facts = task.function(places, **task.settings) or {}
        for name in task.outputs:
            if name not in task.optional and not places[name].exists():
                raise SagaError(f"{task.name}: expected that it makes {places[name]}, found nothing; see what it says.")
    found = {name: identity(place) for name, place in task.outputs.items()}
    return facts, {name: version for name, version in found.items() if version is not None}


def _there(task: Task) -> dict[str, str]:
    """Returns the inputs of a task without the optional ones that are not there."""
    return {
        name: place for name, place in task.inputs.items() if name not in task.optional or identity(place) is not None
    }


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that temporary files are removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _peak_megabytes() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
