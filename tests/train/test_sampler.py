"""What is sampled from views, and how much of it is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.masks.patterns import patterns
from saga.raster import BlendOperator, Geometry
from saga.scene.camera import spread
from saga.train.part import Part, training_views
from saga.train.sampler import balanced_pixels, build_cache


def test_small_masks_are_drawn_as_often_as_large_ones():
    masks = np.zeros((2, 1000), bool)
    masks[0, :600], masks[1, 700] = True, True
    drawn = balanced_pixels(masks, 900, np.random.default_rng(0))
    assert len(drawn) == 900
    counts = [np.isin(drawn, np.flatnonzero(m)).sum() for m in (*masks, ~masks.any(0))]
    assert counts == [300, 300, 300]


def test_patterns_name_each_pixels_masks():
    members = np.random.default_rng(0).random((11, 60)) < 0.1
    sets, pattern = patterns(members)
    assert np.array_equal(sets[pattern].T, members)
    assert len(np.unique(sets, axis=0)) == len(sets), "each set once"


@pytest.mark.parametrize("most", [1, 4, 7, 50])
def test_spread_is_even_and_bounded(most):
    chosen = spread(list(range(50)), most)
    assert len(chosen) == most == len(set(chosen)) and chosen == sorted(chosen)


def test_cache_is_bounded_however_many_views(tiny_scene, tiny_masks, quick):
    cameras = [replace(tiny_scene.cameras[i % 6], name=f"view{i}.png") for i in range(20)]
    source = ArrayMasks({f"view{i}.png": tiny_masks[tiny_scene.cameras[i % 6].name] for i in range(20)}, cameras)
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    config = quick(cached_pixels=4096)
    cache = build_cache(geometry, Part(training_views(cameras, config), None), source, config, np.random.default_rng(0))
    assert 0 < len(cache.rows) <= 4096 and len(cache.views) == 4


def numbered_pixels(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:  # [bits, H, W], [H * W]
    """Masks that tell every pixel from every other, and the place of the pixel with each number.

    Mask k holds the pixels whose number has bit k. They are numbered at random, so that each mask is spread over the
    whole image.
    """
    places = np.random.default_rng(1).permutation(width * height)
    bits = np.arange(int(width * height - 1).bit_length())
    numbers = np.argsort(places).reshape(height, width)
    return (numbers >> bits[:, None, None] & 1).astype(bool), places


def test_each_cached_row_is_that_of_the_pixel_whose_masks_it_has(tiny_scene, quick):
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    masks, places = numbered_pixels(160, 120)
    source = ArrayMasks({camera.name: masks for camera in tiny_scene.cameras})
    cache = build_cache(geometry, Part(tiny_scene.cameras, None), source, quick(), np.random.default_rng(0))
    assert [view.camera.name for view in cache.views] == [camera.name for camera in tiny_scene.cameras]
    assert len(cache.rows) == sum(len(view.pattern) for view in cache.views)
    for view in cache.views:
        members = view.members[view.pattern][:, : len(masks)].numpy()
        pixels = places[(members << np.arange(len(masks))).sum(1)]
        xy = torch.from_numpy(np.stack([pixels % 160, pixels // 160], axis=1))
        expected = BlendOperator(geometry, view.camera).rows(xy)
        found = cache.rows.select(torch.arange(view.first, view.first + len(xy)))
        assert torch.equal(found.indptr, expected.indptr)
        assert torch.equal(cache.touched[found.indices.long()], expected.indices.long())
        assert torch.equal(found.weights, expected.weights)


def test_what_no_mask_covers_is_a_mask_of_its_own(tiny_scene, instances, quick):
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    cache = build_cache(geometry, Part(tiny_scene.cameras, None), instances(), quick(), np.random.default_rng(0))
    for view in cache.views:
        assert torch.equal(view.members.sum(1), torch.ones(len(view.members), dtype=torch.int64)), "they are disjoint"
        pixels = torch.bincount(view.pattern, minlength=len(view.members))
        assert int(pixels[view.members[:, -1]].sum()) > 0


def test_views_without_masks_are_left_out(tiny_scene, tiny_masks, quick):
    empty, blank, absent = (camera.name for camera in tiny_scene.cameras[:3])
    masks = tiny_masks | {empty: np.zeros((0, 120, 160), bool), blank: np.zeros((3, 120, 160), bool)}
    del masks[absent]
    source = ArrayMasks(masks, tiny_scene.cameras)
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    cache = build_cache(geometry, Part(tiny_scene.cameras, None), source, quick(), np.random.default_rng(0))
    assert {v.camera.name for v in cache.views} == {c.name for c in tiny_scene.cameras[3:]}


def test_no_mask_on_the_scene_is_an_error(tiny_scene, quick):
    source = ArrayMasks({c.name: np.zeros((0, 120, 160), bool) for c in tiny_scene.cameras}, tiny_scene.cameras)
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    with pytest.raises(SagaError, match="no mask covers the scene in any of 6 views"):
        build_cache(geometry, Part(tiny_scene.cameras, None), source, quick(), np.random.default_rng(0))


def test_pixels_are_drawn_in_proportion_to_the_weights_of_masks() -> None:
    masks = np.zeros((2, 100), bool)
    masks[0, :50], masks[1, 50:] = True, True
    drawn = balanced_pixels(masks, 4000, np.random.default_rng(0), np.array([3.0, 1.0]))
    assert (drawn < 50).mean() == pytest.approx(0.75, abs=0.01)
