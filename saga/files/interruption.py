"""Work that an interruption may not stop in its midst."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGALRM")
"""Signals that end programs, or bring such an end again; not every system has all of them."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that come in the block are handled when it has ended: what it changes is changed as a whole.

    The block should be short, for a person waits for it. Without effect outside the main thread, where Python handles
    no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        came.append(number)

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, keep)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in came[:1]:
            handlers[number](number, None)


def done_anyway(work: Callable[[], object]) -> None:
    """Does what must be done, cleaning up above all, in spite of signals; an interruption is raised when it is done.

    Args:
        work: is called again where an interruption comes just before signals are held back, and so may be called twice.
    """
    try:
        with uninterrupted():
            work()
    except KeyboardInterrupt:
        with uninterrupted():
            work()
        raise
