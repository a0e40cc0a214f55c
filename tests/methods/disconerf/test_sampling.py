"""Which masks are matched, and pixels that stand for the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.methods.disconerf import DiscoNerfConfig
from saga.methods.disconerf.sampling import choose_masks, sample_supervision, weighted_pixels
from saga.raster import Geometry
from saga.scene import Scene


def mask(*rows: slice) -> np.ndarray:  # [10, 10]
    drawn = np.zeros((10, 10), bool)
    for row in rows:
        drawn[row] = True
    return drawn


def kept(masks: list[np.ndarray], **settings: object) -> list[int]:
    """Areas of the chosen masks."""
    config = replace(DiscoNerfConfig(uncovered=False), **settings)
    flat = np.stack([mask.ravel() for mask in masks])
    return choose_masks(flat, config).sum(1).tolist()


def test_masks_inside_larger_ones_are_left_out() -> None:
    whole, part, apart = mask(slice(0, 6)), mask(slice(2, 4)), mask(slice(5, 10))
    assert kept([part, whole, apart]) == [60, 50]
    assert kept([part, whole, apart], nested="all") == [20, 60, 50]


def test_of_equal_masks_one_stays() -> None:
    assert kept([mask(slice(0, 3))] * 3) == [30]


def test_small_masks_can_be_left_out_and_empty_ones_always_are() -> None:
    masks = [mask(), mask(slice(0, 1)), mask(slice(3, 9))]
    assert kept(masks) == [10, 60]
    assert kept(masks, smallest_mask=0.2) == [60]
    assert kept([mask()]) == []


def test_what_no_mask_covers_can_be_one_more() -> None:
    assert kept([mask(slice(0, 3))], uncovered=True) == [30, 70]
    assert kept([mask(slice(0, 10))], uncovered=True) == [100]


def test_weighted_sums_over_the_sample_are_means_over_the_image() -> None:
    flat = np.stack([mask(slice(0, 1)), mask(slice(0, 6))]).reshape(2, 100)
    values = np.random.default_rng(1).random(100)
    pixels, weights = weighted_pixels(flat, 40_000, np.random.default_rng(0))
    assert (weights * values[pixels]).sum() == pytest.approx(values.mean(), rel=0.02)
    assert (weights * flat[0, pixels]).sum() == pytest.approx(0.1, rel=0.03)
    assert flat[0, pixels].mean() > 0.2  # the small mask is sampled beyond its area


def test_rows_are_those_of_what_a_pixel_shows(tiny_scene: Scene, exact, config: DiscoNerfConfig) -> None:
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    supervision = sample_supervision(geometry, tiny_scene.cameras, exact, config)
    sums = [float(part.sum()) for part in supervision.rows.weights.split(np.diff(supervision.rows.indptr).tolist())]
    assert np.allclose(sums, 1, atol=1e-4)
    assert sum(len(view.weights) for view in supervision.views) == len(supervision.rows)


def test_views_without_masks_are_left_out(tiny_scene: Scene, exact, config: DiscoNerfConfig) -> None:
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    first = tiny_scene.cameras[0]
    empty = np.zeros((2, first.height, first.width), bool)
    source = ArrayMasks({first.name: exact.masks(first), tiny_scene.cameras[1].name: empty})
    supervision = sample_supervision(geometry, tiny_scene.cameras, source, config)
    assert len(supervision.views) == 1
    with pytest.raises(SagaError, match="no mask covers the scene"):
        sample_supervision(geometry, tiny_scene.cameras, ArrayMasks({}), config)
