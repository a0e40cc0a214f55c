"""Memory figures of the process."""

from __future__ import annotations

import numpy as np

from saga.runtime.memory import PeakMemory
from saga.train import TrainConfig

QUICK = TrainConfig(iterations=40, pixels=256, cached_pixels=8_000)


def test_peak_memory_sees_a_large_array_and_forgets_it() -> None:
    before = PeakMemory()
    array = np.ones(40_000_000, np.float32)
    assert array.sum() > 0
    peak = before.megabytes()["process"]
    del array
    assert PeakMemory().megabytes()["process"] < peak - 100
