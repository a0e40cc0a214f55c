"""Ctrl-C and SIGTERM, at any time: one line, an exit code of their own, and nothing half-written.

While modules load at first there is nothing to clean up, and libraries answer an exception in their midst in ways of
their own: the process leaves at once. Later the signal becomes an exception that unwinds what is being written; where
modules load or threads begin or end in the middle of work, once they have.
"""

from __future__ import annotations

import concurrent.futures.thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE_SECONDS = 1.0
"""Further signals are passed over for so long, so that an impatient person does not interrupt the cleaning up."""
_AGAIN_SECONDS = 0.05


_THREADING = {threading.__file__, concurrent.futures.thread.__file__}
_OF_THREADS = {"start", "join", "submit", "shutdown"}
"""Functions in these files that leave a thread behind when they are interrupted."""

_LEAVING: set[int] = set()
"""Signals that `leave_at_once` was called for: the process is a command's."""


class Interruption(KeyboardInterrupt):
    """A signal that ends the process, as an exception that no reader or writer takes for an error."""

    def __init__(self, number: int) -> None:
        """Takes the signal's number."""
        super().__init__(number)
        self.code = 128 + number


def leave_at_once(prog: str) -> None:
    """From now on signals end the process in one line: for the time in which modules load."""

    def leave(number: int, frame: FrameType | None) -> None:
        os.write(2, f"{prog}: interrupted; nothing was begun.\n".encode())
        os._exit(128 + number)

    for number in SIGNALS:
        signal.signal(number, leave)
        _LEAVING.add(number)


def ignore() -> None:
    """From now on signals are passed over: for the time in which the interpreter ends."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def raising() -> Iterator[Callable[[], Interruption | None]]:
    """Signals raise `Interruption` in the block; yields what tells whether one came, whatever became of it.

    An interruption that is lost, as in a destructor, is raised again a moment later. One that comes while a module
    loads is raised when it has: some abort the process otherwise. So is one that comes while a thread begins or is
    waited for: Python would lose sight of the thread, which then writes on, or takes the process down. After the block
    the handlers are those before it; in the process of a command signals are passed over, because all is done. Without
    effect outside the main thread, where Python cannot handle signals.
    """
    came: list[tuple[Interruption, float]] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if came and time.monotonic() - came[-1][1] < _GRACE_SECONDS:
            return
        came.append((Interruption(number), time.monotonic()))
        handle_again(number, frame)

    def handle_again(number: int, frame: FrameType | None) -> None:
        if hasattr(signal, "SIGALRM") and _is_indivisible(frame):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
            return
        raise came[-1][0]

    def hook(lost: Any) -> None:
        if came and isinstance(lost.exc_value, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        else:
            earlier(lost)

    def first() -> Interruption | None:
        return came[0][0] if came else None

    if threading.current_thread() is not threading.main_thread():
        yield first
        return
    handlers = {number: signal.signal(number, handle) for number in SIGNALS}
    if hasattr(signal, "SIGALRM"):
        handlers[signal.SIGALRM] = signal.signal(signal.SIGALRM, handle_again)
        earlier, sys.unraisablehook = sys.unraisablehook, hook
    try:
        yield first
    finally:
        if hasattr(signal, "SIGALRM"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.unraisablehook = earlier
        for number, handler in handlers.items():
            with contextlib.suppress(TypeError):  # of a handler that Python did not set
                signal.signal(number, signal.SIG_IGN if number in _LEAVING else handler)


def _is_indivisible(frame: FrameType | None) -> bool:
    """Whether a module is being loaded, or a thread begun or waited for, in a frame or in one that called it."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith("<frozen importlib"):
            return True
        if code.co_name in _OF_THREADS and code.co_filename in _THREADING:
            return True
        frame = frame.f_back
    return False
