"""Threads for what requests ask, and a queue before them that is not endless."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from saga.server.folders import Folders
from saga.server.problems import BusyError

_Result = TypeVar("_Result")


class Jobs:
    """Does one thing at a time, or a few, in the order in which they were asked."""

    def __init__(self, folders: Folders, most_waiting: int, threads: int = 1) -> None:
        """Takes the folders that its threads keep to, how many requests may wait, and how many are at work at most."""
        self._pool = ThreadPoolExecutor(threads, "saga-serve", folders.guard_this_thread)
        self._waiting = most_waiting
        self._most, self._open, self._lock = most_waiting + threads, 0, threading.Lock()

    def submit(self, job: Callable[[], _Result]) -> Future[_Result]:
        """Queues a job. Raises BusyError when too many wait."""
        with self._lock:
            if self._open >= self._most:
                raise BusyError(f"scene: expected at most {self._waiting} requests that wait, found more; ask later.")
            self._open += 1
        try:
            future = self._pool.submit(job)
        except BaseException:
            self._done()
            raise
        future.add_done_callback(lambda _: self._done())
        return future

    def close(self) -> None:
        """Waits for the job at work, and drops those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _done(self) -> None:
        with self._lock:
            self._open -= 1
