"""Threads beside the main one that never outlive what they work for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType

from saga.files.interruption import done_anyway


class Background(ThreadPoolExecutor):
    """A pool of threads; leaving the `with` block waits for them, whatever signals come meanwhile.

    A thread that lived on would write where an interrupted command has just cleaned up. After an error, what has not
    begun is dropped.
    """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits."""
        done_anyway(partial(self.shutdown, wait=True, cancel_futures=kind is not None))
