"""Long work beside the clicks: one job at a time, with progress, which can be cancelled."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Literal

from saga.errors import SagaError
from saga.runtime.progress import Cancelled, watched
from saga.runtime.shortage import shortage_line

Ending = Literal["done", "failed", "cancelled"]
"""How a job ends."""
_EVERY = 0.2
"""Seconds between two reports of progress."""


def told(error: Exception) -> str:
    """Says in a line what no person did wrong: that memory was short, or a bug of saga, which the terminal shows."""
    short = shortage_line(error)
    if short is None:
        traceback.print_exception(error)
    return short or f"this is a bug in saga: {error!r}"


class Jobs:
    """Runs jobs and tells of them."""

    def __init__(self, tell: Callable[[], None], say: Callable[[str, bool], None]) -> None:
        """Takes what is called when `state` is another, and what shows a line to people, as an error or not."""
        self._tell, self._say = tell, say
        self._thread: threading.Thread | None = None
        self._cancelled, self._lock = threading.Event(), threading.Lock()
        self.state: dict[str, Any] | None = None
        """What is done, for the page: "text", "done" and "total" steps; None for no job."""
        self.ended: tuple[Ending, str] | None = None
        """How the last job ended, and what it said; None before the first one."""

    def start(self, text: str, work: Callable[[], str]) -> None:
        """Starts a job, which returns what it did in a line. Raises SagaError while another one runs."""
        with self._lock:
            # Its thread may live on for a moment after it was said that a job has ended.
            if self.state is not None:
                raise SagaError(
                    "busy: expected nothing else to be done, found a job that runs; wait for it or cancel it."
                )
            self._cancelled.clear()
            self.ended, self.state = None, {"text": text, "done": 0, "total": 0}
            self._thread = threading.Thread(target=self._run, args=(work,), name="saga-job", daemon=True)
            try:
                self._thread.start()
            except BaseException:  # no memory for a thread
                self._thread, self.state = None, None
                raise
        self._tell()

    def cancel(self) -> None:
        """Has the job end at its next step; nothing without one."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> None:
        """Waits until the job is done."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, work: Callable[[], str]) -> None:
        last = 0.0

        def watch(text: str, done: int, total: int) -> None:
            nonlocal last
            if self._cancelled.is_set():
                raise Cancelled
            self.state = {"text": text, "done": done, "total": total}
            if time.monotonic() - last > _EVERY:
                last = time.monotonic()
                self._tell()

        ending: Ending = "done"
        line = ""
        try:
            with watched(watch):
                line = work()
        except KeyboardInterrupt:
            line, ending = "cancelled; what is done already is kept", "cancelled"
        except SagaError as error:
            line, ending = str(error), "failed"
        except Exception as error:  # a job that ends without a word would seem to run forever
            line, ending = told(error), "failed"
        self.ended, self.state = (ending, line), None
        self._tell()
        self._say(line, ending == "failed")
