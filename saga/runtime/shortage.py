"""Whether an error says that memory was short, whoever raised it."""

from __future__ import annotations

from typing import Literal


def memory_shortage(error: BaseException) -> Literal["gpu", "host", "threads"] | None:
    """Returns what was short when an error was raised; None for every other error.

    PyTorch's allocator and the CUDA runtime say "out of memory" of a GPU; Python and the host's allocator do not. A
    thread cannot start where there is no memory for its stack, or where the system allows no more of them.
    """
    text = str(error).lower()
    if isinstance(error, MemoryError):
        return "host"
    if not isinstance(error, RuntimeError):
        return None
    known: tuple[tuple[str, Literal["gpu", "host", "threads"]], ...] = (
        ("out of memory", "gpu"),
        ("allocate memory", "host"),
        ("can't start new thread", "threads"),
    )
    return next((what for part, what in known if part in text), None)


def shortage_line(error: BaseException) -> str | None:
    """Says for a program that stays what was short and what to do; None for every other error."""
    what = memory_shortage(error)
    names = {"gpu": "GPU memory", "host": "memory", "threads": "memory, or threads"}
    if what is None:
        return None
    return f"memory: expected enough for what was asked, found too little {names[what]}; ask for less."
