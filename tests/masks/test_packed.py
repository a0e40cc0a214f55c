"""Masks, eight pixels to a byte."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from saga.masks.packed import PackedMasks


@given(st.integers(0, 4), st.integers(1, 9), st.integers(1, 11), st.integers(0, 99))
def test_packed_masks_are_the_masks(count: int, height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.random((count, height, width)) < 0.5
    packed = PackedMasks.pack(masks)
    points = np.stack([rng.integers(width, size=5), rng.integers(height, size=5)], axis=1)
    assert len(packed) == count
    assert np.array_equal(packed.masks().numpy(), masks)
    assert np.array_equal(packed.masks(np.arange(count)[::-1]).numpy(), masks[::-1])
    assert np.array_equal(packed.at(points), masks[:, points[:, 1], points[:, 0]])


def test_masks_that_hold_the_most_points_and_the_fewest_negative_ones() -> None:
    masks = np.zeros((3, 4, 8), bool)
    masks[0, :, :4], masks[1, :, :], masks[2, :2, :4] = True, True, True
    packed, labels = PackedMasks.pack(masks), np.array([1, 1, 0])
    assert packed.holding(np.array([[0, 0], [1, 3], [7, 3]]), labels).tolist() == [0]
    assert packed.holding(np.array([[0, 0], [1, 1], [7, 3]]), labels).tolist() == [0, 2]
    assert packed.holding(np.array([[0, 0]]), np.zeros(1, int)).tolist() == []
    assert PackedMasks.pack(masks[:0]).holding(np.array([[0, 0]]), np.ones(1, int)).tolist() == []
