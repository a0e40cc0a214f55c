from __future__ import annotations

import numpy as np

from saga.scene.resizing import resize


def test_resize_averages_when_it_shrinks():
    checker = np.uint8(255) * (np.indices((40, 60)).sum(axis=0) % 2).astype(np.uint8)
    small = resize(checker, 15, 10)
    assert small.dtype == np.uint8 and np.abs(small.astype(int) - 127).max() <= 2
