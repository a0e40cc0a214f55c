"""What was read of a mapped file need not stay in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saga.files.mapped import let_go


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_pages_of_a_file_are_let_go_of_and_read_again(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(10_000_000))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    total = int(array.sum())
    before = _shared()
    let_go(array[5:])
    assert _shared() < before - 60e6
    assert int(array.sum()) == total


def test_what_was_written_stays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(1000))
    array = np.load(tmp_path / "a.npy", mmap_mode="c")
    array[3] = 1
    let_go(array)
    assert array[3] == 1


def test_arrays_in_memory_stay_as_they_are() -> None:
    array = np.arange(10)
    let_go(array)
    assert array.sum() == 45


def _shared() -> int:
    """Bytes of files, and of memory shared with others, that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[2]) * 4096
