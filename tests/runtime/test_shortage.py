"""What is said where memory was short."""

from __future__ import annotations

import pytest

from saga.runtime.shortage import memory_shortage, shortage_line


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MemoryError(), "host"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"), "gpu"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "host"),
        (RuntimeError("can't start new thread"), "threads"),
        (RuntimeError("sizes differ"), None),
        (ValueError("out of memory"), None),
    ],
)
def test_memory_is_blamed_only_where_it_was_short(error: Exception, short: str | None) -> None:
    assert memory_shortage(error) == short
    line = shortage_line(error)
    assert (line is None) == (short is None)
    assert line is None or (line.startswith("memory: expected") and "\n" not in line)
