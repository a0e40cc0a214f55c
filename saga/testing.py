"""Fault injection for everything that writes: fail, or die, at the n-th change of the file system.

A test runs a writer once with `counting` to learn how many changes it makes, and then once for each of them with
`failing` (an error of the disk) or, in a child process, with `dying` (SIGKILL), and looks at what is left.
"""

from __future__ import annotations

import builtins
import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

from saga.files import transaction

_CHANGES = ("replace", "rename", "link", "mkdir", "rmdir", "unlink", "remove")
"""Functions of `os` that change the file system; opening a file to write is one more, and so is swapping folders."""


@contextmanager
def counting() -> Iterator[list[str]]:
    """Yields the list of changes of the file system that the block makes, in order, as it grows."""
    seen: list[str] = []
    with _watched(seen.append):
        yield seen


@contextmanager
def failing(at: int, code: int = errno.ENOSPC, once: bool = False) -> Iterator[None]:
    """Lets writing fail with an error of the disk.

    Args:
        at: number of the change of the block that fails first, counted from 1.
        code: number of the error.
        once: whether it alone fails, or all writing after it too. What only removes something never fails.
    """
    count = 0

    def fail(change: str) -> None:
        nonlocal count
        count += 1
        if (count == at or (count > at and not once)) and change in (
            "open",
            "replace",
            "rename",
            "link",
            "mkdir",
            "swap",
        ):
            raise OSError(code, os.strerror(code), "a file")  # errors of the system name one

    with _watched(fail):
        yield


@contextmanager
def dying(at: int) -> Iterator[None]:
    """Kills the process just before the `at`-th change of the block, counted from 1."""
    count = 0

    def die(change: str) -> None:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    with _watched(die):
        yield


def in_child(work: Callable[[], object]) -> int:
    """Runs something in a fork of this process and returns its wait status, negative for the signal that killed it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def _watched(before: Callable[[str], object]) -> Iterator[None]:
    """Calls `before` with the kind of every change of the file system in the block, just before it is made."""
    patches: list[Any] = [
        mock.patch.object(os, name, _hooked(getattr(os, name), partial(before, name))) for name in _CHANGES
    ]
    opened, swap = builtins.open, transaction._exchange

    def watched_open(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if any(mark in mode for mark in "wax+"):
            before("open")
        return opened(file, mode, *arguments, **options)

    patches.append(mock.patch.object(builtins, "open", watched_open))
    patches.append(mock.patch("io.open", watched_open))
    patches.append(mock.patch.object(transaction, "_exchange", _hooked(swap, partial(before, "swap"))))
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.stop()


def _hooked(function: Callable[..., Any], before: Callable[[], object]) -> Callable[..., Any]:
    def called(*arguments: Any, **options: Any) -> Any:
        before()
        return function(*arguments, **options)

    return called
