"""What masks are on SAM's grid, and which of them are trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saga.masks.rules import grid_coverage, training_masks, without_everything
from saga.raster import BlendOperator, Geometry
from saga.scene import Scene


@pytest.fixture(scope="module")
def operator(tiny_scene: Scene) -> BlendOperator:
    return BlendOperator(Geometry.from_gaussians(tiny_scene.gaussians), tiny_scene.cameras[0])


@pytest.fixture(scope="module")
def shown(operator: BlendOperator) -> np.ndarray:  # [H, W] bool
    """Where the view shows any Gaussian: it ends at the scene's outline, well inside the image."""
    return operator.alpha().numpy() > 0.004


@pytest.fixture
def halves(shown: np.ndarray) -> np.ndarray:  # [2, H, W] bool
    """The left part of what is shown, and a stripe of it."""
    masks = np.stack([shown, shown])
    masks[0, :, 80:] = masks[1, :, 60:] = False
    return masks


@pytest.mark.parametrize(("size", "cells"), [((128, 64), (64, 32)), ((48, 128), (24, 64)), ((64, 64), (64, 64))])
def test_coverage_fills_the_grid_from_the_top_left(size, cells):
    grid = grid_coverage(np.ones((1, *size), bool)).reshape(64, 64)
    assert (grid[: cells[0], : cells[1]] == 255).all()
    assert int((grid > 0).sum()) == cells[0] * cells[1]


def test_coverage_is_the_share_of_a_cell():
    mask = np.zeros((1, 128, 128), bool)
    mask[0, 2, 4:6] = True
    grid = grid_coverage(mask).reshape(64, 64)
    assert grid[1, 2] == 128 and int(grid.sum()) == 128


def test_a_mask_of_everything_that_a_view_shows_is_left_out(
    operator: BlendOperator, shown: np.ndarray, halves: np.ndarray
) -> None:
    assert 0.1 < shown.mean() < 0.95
    flat = np.concatenate([shown[None], halves]).reshape(3, -1)
    assert np.array_equal(without_everything(flat, operator), flat[1:])


def test_it_stays_when_it_is_alone(operator: BlendOperator, shown: np.ndarray) -> None:
    alone = shown.reshape(1, -1)
    assert np.array_equal(without_everything(alone, operator), alone)


def test_a_large_mask_that_still_tells_something_apart_stays(operator: BlendOperator, shown: np.ndarray) -> None:
    columns = np.flatnonzero(shown.any(axis=0))
    most = shown.copy()
    most[:, columns[int(0.7 * len(columns))] :] = False
    flat = np.stack([most, shown & ~most]).reshape(2, -1)
    assert np.array_equal(without_everything(flat, operator), flat)


def test_training_masks_cover_every_pixel_once_more(operator: BlendOperator, halves: np.ndarray) -> None:
    given = np.concatenate([halves, np.zeros_like(halves[:1])])
    chosen = training_masks(given, operator)
    assert np.array_equal(chosen[:2], halves.reshape(2, -1)), "the empty one is gone, the others stay in order"
    assert np.array_equal(chosen[2:], [~halves.any(axis=0).ravel()])


def test_nothing_stays_nothing(operator: BlendOperator) -> None:
    assert training_masks(np.zeros((0, 120, 160), bool), operator).shape == (0, 120 * 160)
    assert len(training_masks(np.zeros((2, 120, 160), bool), operator)) == 0


def test_masks_that_cover_everything_leave_no_rest(operator: BlendOperator) -> None:
    halves = np.zeros((2, 120, 160), bool)
    halves[0, :, :80] = halves[1, :, 80:] = True
    assert torch.equal(torch.from_numpy(training_masks(halves, operator)), torch.from_numpy(halves.reshape(2, -1)))
