"""One thread for each scene, and a queue before it that is not endless."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from saga.server.folders import Folders
from saga.server.problems import BusyError

_Result = TypeVar("_Result")


class Jobs:
    """Does one thing at a time, in the order in which it was asked."""

    def __init__(self, folders: Folders, most_waiting: int) -> None:
        """Takes the folders that its thread keeps to, and how many requests may wait beside the one at work."""
        self._pool = ThreadPoolExecutor(1, "saga-serve", folders.guard_this_thread)
        self._most, self._open, self._lock = most_waiting + 1, 0, threading.Lock()

    def submit(self, job: Callable[[], _Result]) -> Future[_Result]:
        """Queues a job. Raises BusyError when too many wait."""
        with self._lock:
            if self._open >= self._most:
                raise BusyError(f"scene: expected at most {self._most - 1} requests that wait, found more; ask later.")
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
