"""Rays on a grid of pixels, visibility, and sets of reprojected patches, on a wall with an occluder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saga.methods.sanerf_hq import SanerfHqConfig
from saga.methods.sanerf_hq.evidence import Evidence
from saga.methods.sanerf_hq.patches import draw_sets, reprojected
from saga.methods.sanerf_hq.points import WorldPoints, spread
from saga.methods.sanerf_hq.rays import RayCache
from saga.raster.device_scene import DeviceScene

NAMES = ["left", "middle", "right"]


@pytest.fixture
def cache(wall: DeviceScene) -> RayCache:
    return RayCache(wall, grid=4, most=1_000_000)


def test_rays_are_the_rows_of_the_middle_of_each_cell(wall: DeviceScene, cache: RayCache) -> None:
    rays = cache.rays("middle")
    assert rays.shape == (12, 12) and len(rays.rows) == 144
    assert torch.equal(rays.cells(rays.pixels, 4), torch.arange(144))
    image = wall.operator("middle").render(wall.geometry.means)
    assert torch.allclose(rays.rows.render(wall.geometry.means), rays.sampled(image.permute(2, 0, 1)).T, atol=1e-5)


def test_many_pixels_make_the_grid_coarser(wall: DeviceScene) -> None:
    cache = RayCache(wall, grid=4, most=100)
    assert sum(len(cache.rays(name).rows) for name in NAMES) <= 100


def test_values_of_rays_as_an_image_fill_their_cells(cache: RayCache) -> None:
    rays = cache.rays("middle")
    image = rays.image(torch.arange(144), 4, (48, 48))
    assert image.shape == (48, 48) and torch.equal(rays.sampled(image), torch.arange(144))


def test_evidence_is_the_share_of_weight_inside_the_masks(cache: RayCache) -> None:
    evidence = Evidence(cache)
    left_half = cache.rays("middle").pixels[:, 0] < 24
    evidence.add("middle", left_half)
    once = evidence.shares.clone()
    evidence.add("left", torch.zeros(144, dtype=torch.bool))
    assert evidence.shares.sum() < once.sum()
    evidence.add("left", torch.zeros(144, dtype=torch.bool), -1)
    assert torch.allclose(evidence.shares, once, atol=1e-4)
    shown, known = evidence.rendered("middle")
    assert bool(known.all()) and torch.equal(shown, left_half)


def test_points_behind_the_board_are_not_seen(wall: DeviceScene) -> None:
    points = torch.tensor([[0.0, 0.0, 4.0], [0.9, 0.9, 4.0], [0.0, 0.0, 2.0]], dtype=torch.float64)
    world = WorldPoints(points, np.array([1, 1, 0]))
    pixels, labels = world.seen(wall, "middle", 0.03)
    assert labels.tolist() == [1, 0]  # the first lies behind the board
    assert pixels[0].tolist() == [34, 34]
    assert world.seen(wall, "left", 0.03)[1].tolist() == [1, 1, 0]


def test_reprojections_of_a_pixel(wall: DeviceScene, cache: RayCache) -> None:
    """The pixel (24, 40) of "left" shows the wall at x = -0.8, below the board.

    That is 0.8 * 48 / 4 pixels farther left in "middle", and twice as many in "right".
    """
    where, seen = reprojected(cache, NAMES, torch.tensor([0, 1]), torch.tensor([[24, 40], [24, 24]]), 0.03)
    assert seen[0].tolist() == [True, True, True]
    assert where[0, :, 0].tolist() == pytest.approx([24, 24 - 9.6, 24 - 19.2], abs=1)
    assert where[0, :, 1].tolist() == [40, 40, 40]
    # The middle of "middle" shows the board, half as far away: it moves twice as much.
    assert where[1, 0].tolist() == pytest.approx([24 + 19.2, 24], abs=1)


def test_what_the_board_hides_is_not_reprojected(wall: DeviceScene, cache: RayCache) -> None:
    # The wall at x = 0 is behind the board for "middle" and beside it for "left" and "right".
    pixel = torch.tensor([[24 + 9, 24]])
    _, seen = reprojected(cache, NAMES, torch.tensor([0]), pixel, 0.03)
    assert seen[0].tolist() == [True, False, True]


def test_sets_lie_in_the_patches_and_have_their_rows_and_colors(wall: DeviceScene, cache: RayCache) -> None:
    config = SanerfHqConfig(patch=8, patch_rays=16, patch_views=2)
    sets = draw_sets(
        cache, NAMES, torch.tensor([0, 0]), torch.tensor([[24, 40], [33, 24]]), config, torch.Generator().manual_seed(0)
    )
    assert sets.places.shape == (2, 48) and sets.colors.shape == (2, 48, 3)
    assert bool(sets.valid[0].all())
    assert int(sets.valid[1].sum()) == 32  # "middle" does not see it
    assert len(sets.rows) == int(sets.valid.sum())
    depths = sets.rows.render(wall.geometry.means[:, 2:])[:, 0][sets.places[0]]
    assert bool((depths > 1.5).all())
    # Around the red part of the wall: the rows and the colors agree.
    colors = torch.from_numpy(wall.scene.gaussians.colors(np.zeros(3)))
    rendered = sets.rows.render(colors)[sets.places]
    assert torch.allclose(rendered[sets.valid], sets.colors[sets.valid], atol=0.01)


def test_spread_points_lie_well_inside() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 5:55] = True
    pixels = spread(mask, 8)
    assert len(pixels) == 8 and len(np.unique(pixels, axis=0)) == 8
    assert mask[pixels[:, 1], pixels[:, 0]].all()
    assert (pixels[:, 1] >= 12).all() and np.ptp(pixels[:, 0]) > 30
    assert len(spread(np.zeros((4, 4), bool), 8)) == 0
    single = np.zeros((4, 4), bool)
    single[3, 0] = True
    assert spread(single, 8).tolist() == [[0, 3]]
