"""Threads beside the main one that never outlive what they work for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from saga.runtime.interruption import uninterrupted


class Background(ThreadPoolExecutor):
    """A pool of threads; leaving the `with` block waits for them, whatever signals come meanwhile.

    A thread that lived on would write where an interrupted command has just cleaned up. After an error, what has not
    begun is dropped.
    """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits."""
        try:
            self._wait(kind is not None)
        except BaseException:  # came before signals were held back
            self._wait(True)
            raise

    def _wait(self, drops: bool) -> None:
        with uninterrupted():
            self.shutdown(wait=True, cancel_futures=drops)
