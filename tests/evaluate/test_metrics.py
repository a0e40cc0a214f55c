"""The figures a segmentation is judged by."""

from __future__ import annotations

import numpy as np
import pytest

from saga.evaluate.metrics import (
    accuracy,
    area_weighted_iou,
    best_dice,
    boundary_iou,
    iou,
    symmetric_best_dice,
    weighted_iou,
)


def square(size: int, low: int, high: int) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[low:high, low:high] = True
    return mask


def test_iou_of_shifted_squares_counts_pixels() -> None:
    first, second = square(20, 0, 10), np.roll(square(20, 0, 10), 5, axis=1)
    assert iou(first, second) == pytest.approx(50 / 150)
    assert accuracy(first, second) == pytest.approx(1 - 100 / 400)


@pytest.mark.parametrize("metric", [iou, accuracy, boundary_iou])
def test_equal_masks_agree_fully_even_when_empty(metric) -> None:
    for mask in (square(16, 4, 9), np.zeros((16, 16), bool), np.ones((16, 16), bool)):
        assert metric(mask, mask.copy()) == 1.0


@pytest.mark.parametrize("metric", [iou, boundary_iou])
def test_nothing_found_of_something_scores_zero(metric) -> None:
    assert metric(np.zeros((16, 16), bool), square(16, 4, 9)) == 0.0


def test_boundary_iou_matches_the_bands_drawn_by_hand() -> None:
    # Diagonal of 100 x 100: 141.4 px, 2 % of it: d = 3.
    first, second = square(100, 20, 80), square(100, 22, 78)
    band_first, band_second = first & ~square(100, 23, 77), second & ~square(100, 25, 75)
    assert boundary_iou(first, second) == pytest.approx(iou(band_first, band_second))
    assert boundary_iou(first, second) < iou(first, second)


def test_boundary_iou_takes_the_image_border_for_a_boundary() -> None:
    full, holed = np.ones((100, 100), bool), ~square(100, 40, 60)
    ring = full & ~square(100, 3, 97)
    hole_rim = square(100, 37, 63) & ~square(100, 40, 60)
    assert boundary_iou(holed, full) == pytest.approx(ring.sum() / (ring | hole_rim).sum())


def test_boundary_iou_sees_a_ragged_border_that_iou_forgives() -> None:
    rng = np.random.default_rng(0)
    clean = square(200, 40, 160)
    ragged = clean.copy()
    ragged[38:42, 40:160] = rng.random((4, 120)) < 0.5
    assert iou(clean, ragged) > 0.96
    assert boundary_iou(clean, ragged) < iou(clean, ragged) - 0.02


def test_weighted_iou_counts_opacity() -> None:
    truth = np.array([True, True, False, False])
    predicted = np.array([True, False, True, False])
    opacities = np.array([0.8, 0.1, 0.1, 0.9], np.float32)
    assert weighted_iou(predicted, truth, opacities) == pytest.approx(0.8)
    assert weighted_iou(~predicted & ~truth, np.zeros(4, bool), opacities) == 0.0
    assert weighted_iou(np.zeros(4, bool), np.zeros(4, bool), opacities) == 1.0


def test_masks_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        iou(np.zeros(3, bool), np.zeros(4, bool))
    with pytest.raises(ValueError, match="bool"):
        iou(np.zeros(3, np.uint8), np.zeros(3, bool))
    with pytest.raises(ValueError, match="H, W"):
        boundary_iou(np.zeros(3, bool), np.zeros(3, bool))


def test_boundary_iou_does_not_depend_on_empty_surroundings() -> None:
    first, second = square(100, 20, 80), square(100, 22, 78)
    small = np.s_[15:85, 15:85]
    d = 3 / np.hypot(70, 70)  # the same band in the smaller picture
    assert boundary_iou(first, second) == pytest.approx(boundary_iou(first[small], second[small], d))


def halves() -> tuple[np.ndarray, np.ndarray]:
    """Two true masks of 30 and 10 pixels; found are 20 pixels of the first, and the second with 10 too many."""
    line = np.arange(60)[None]
    truth = np.stack([line < 30, (line >= 40) & (line < 50)])
    found = np.stack([line < 20, line >= 40])
    return found, truth


def test_area_weighted_iou_weights_the_best_match_by_true_area() -> None:
    found, truth = halves()
    assert area_weighted_iou(found, truth) == pytest.approx((30 * 20 / 30 + 10 * 10 / 20) / 40)
    assert area_weighted_iou(truth, truth) == 1.0
    assert area_weighted_iou(found[:0], truth) == 0.0
    assert area_weighted_iou(found, truth[:0]) == area_weighted_iou(found[:0], truth[:0]) == 1.0


def test_best_dice_averages_the_best_partner_in_one_direction() -> None:
    found, truth = halves()
    extra = np.concatenate([found, (np.arange(60) == 35)[None, None]])
    one, two = 2 * 20 / 50, 2 * 10 / 30
    assert best_dice(found, truth) == pytest.approx((one + two) / 2)
    assert best_dice(extra, truth) == pytest.approx((one + two) / 3)
    assert best_dice(truth, extra) == pytest.approx((one + two) / 2)
    assert symmetric_best_dice(extra, truth) == pytest.approx((one + two) / 3)
    assert symmetric_best_dice(found[:0], truth) == 0.0
    assert symmetric_best_dice(found[:0], truth[:0]) == 1.0
