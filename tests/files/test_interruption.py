"""Signals while something is done that has to be done as a whole."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from saga.files import interruption
from saga.files.interruption import done_anyway, uninterrupted


def test_a_signal_is_handled_when_the_block_has_ended() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        done.append(True)
    assert done == [True] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_goes_on_and_handlers_are_those_of_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError), uninterrupted():
        _ = 1 / 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_are_left_alone() -> None:
    done: list[bool] = []

    def work() -> None:
        with uninterrupted():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


@pytest.mark.parametrize("early", [False, True])
def test_what_must_be_done_is_done_whenever_the_signal_comes(monkeypatch: pytest.MonkeyPatch, early: bool) -> None:
    left = {"a", "b", "c"}

    def clean() -> None:
        while left:
            left.pop()
            os.kill(os.getpid(), signal.SIGINT)

    if early:  # before signals are held back

        @contextmanager
        def late() -> Iterator[None]:
            monkeypatch.undo()
            os.kill(os.getpid(), signal.SIGINT)
            yield

        monkeypatch.setattr(interruption, "uninterrupted", late)
    with pytest.raises(KeyboardInterrupt):
        done_anyway(clean)
    assert not left
