"""Warnings of one thread as notes, while others have theirs: Python's own way of catching them is the process's."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_own = threading.local()
_lock = threading.Lock()
_depth = 0
_outer: warnings.catch_warnings[None] | None = None
_usual: Callable[..., Any] = warnings.showwarning


@contextmanager
def noted(notes: list[str]) -> Iterator[None]:
    """Appends the text of every UserWarning of a block, as one line, that this thread gives."""
    _begin()
    _own.notes = notes
    try:
        yield
    finally:
        _own.notes = None
        _end()


def _begin() -> None:
    global _depth, _outer, _usual
    with _lock:
        if _depth == 0:
            _outer = warnings.catch_warnings()
            _outer.__enter__()
            warnings.simplefilter("always", UserWarning)
            _usual, warnings.showwarning = warnings.showwarning, _show
        _depth += 1


def _end() -> None:
    global _depth
    with _lock:
        _depth -= 1
        if _depth == 0 and _outer is not None:
            _outer.__exit__(None, None, None)


def _show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    notes: list[str] | None = getattr(_own, "notes", None)
    if notes is not None and issubclass(category, UserWarning):
        notes.append(" ".join(str(message).split()))
    elif notes is None:
        _usual(message, category, *place, **more)
