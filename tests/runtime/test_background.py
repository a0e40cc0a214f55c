"""Threads that never outlive what they work for."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from saga.runtime.background import Background


def test_an_interruption_waits_for_what_threads_do() -> None:
    done: list[int] = []

    def work() -> None:
        time.sleep(0.3)
        done.append(1)

    def interrupted() -> None:
        with Background(1) as pool:
            pool.submit(work)
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == [1]


def test_after_an_error_what_has_not_begun_is_dropped() -> None:
    done: list[int] = []
    begun = threading.Event()

    def first() -> None:
        begun.set()
        time.sleep(0.2)

    def failing() -> None:
        with Background(1) as pool:
            pool.submit(first)
            pool.submit(done.append, 1)
            begun.wait(10)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        failing()
    assert done == []
