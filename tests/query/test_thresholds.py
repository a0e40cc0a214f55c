"""Thresholds: where an object's scores end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from saga.query.thresholds import _smoothed, paper_sam_threshold, paper_threshold, valley_threshold


def hill(center: float, spread: float, count: int, seed: int) -> torch.Tensor:
    return center + spread * torch.randn(count, generator=torch.Generator().manual_seed(seed))


def valley_at(lowest: float) -> torch.Tensor:  # [N]
    """Scores whose density falls towards one place and rises beyond it."""
    places = (torch.arange(1000) + 0.5) / 1000
    return places.repeat_interleave((1 + 100 * (places - lowest).abs()).long())


@pytest.mark.parametrize("lowest", [0.5, 0.6, 0.7, 0.75])
def test_the_threshold_is_where_the_valley_lies(lowest: float) -> None:
    assert valley_threshold(valley_at(lowest)) == pytest.approx(lowest, abs=0.03)


def test_the_middle_of_a_flat_valley_is_taken() -> None:
    scores = torch.cat([hill(0.1, 0.02, 4000, 0), hill(0.95, 0.01, 1000, 1)])
    assert valley_threshold(scores) == pytest.approx((0.45 + 0.8) / 2, abs=0.01)


@pytest.mark.parametrize(("lowest", "nearest"), [(0.2, 0.45), (0.95, 0.8)])
def test_the_valley_is_looked_for_where_objects_end(lowest: float, nearest: float) -> None:
    assert valley_threshold(valley_at(lowest)) == pytest.approx(nearest, abs=0.03)


def test_scores_beyond_the_cosines_do_not_count() -> None:
    scores = valley_at(0.6)
    beyond = torch.cat([scores, torch.full((90_000,), 1.001), torch.full((90_000,), -0.5)])
    assert valley_threshold(beyond) == valley_threshold(scores)


def test_the_paper_thresholds() -> None:
    scores = torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert paper_threshold(scores) == pytest.approx(0.5)
    assert paper_sam_threshold(scores) == pytest.approx(1.0)


def test_counts_are_smoothed_as_scipy_does() -> None:
    rng = np.random.default_rng(0)
    for counts in (rng.integers(0, 100_000, 100), rng.integers(0, 3, 100), np.eye(1, 100)[0]):
        smooth = _smoothed(counts.astype(np.float64))
        np.testing.assert_array_equal(smooth, gaussian_filter1d(counts.astype(np.float64), 2.0))
