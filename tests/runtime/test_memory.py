"""Memory figures of the process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saga.runtime.memory import PeakMemory, give_back
from saga.train import TrainConfig

QUICK = TrainConfig(iterations=40, pixels=256, cached_pixels=8_000)


def test_peak_memory_sees_a_large_array_and_forgets_it() -> None:
    before = PeakMemory()
    array = np.ones(40_000_000, np.float32)
    assert array.sum() > 0
    peak = before.megabytes()["process"]
    del array
    assert PeakMemory().megabytes()["process"] < peak - 100


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_memory_that_is_free_in_pieces_is_given_back() -> None:
    arrays = [np.ones(10_000) for _ in range(3000)]  # 240 MB
    last = arrays.pop()
    before = _resident()
    del arrays
    give_back()
    assert _resident() < before - 150e6 and last.all()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
