"""Surfaces and narrow strips hold themselves up; clouds, clumps and faint Gaussians do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saga.cleaning.support import support_of
from saga.raster import Geometry


def geometry_of(means: np.ndarray, scale: float | np.ndarray = 0.01, opacity: float = 0.9) -> Geometry:  # [N, 3]
    count = len(means)
    scales = np.broadcast_to(np.asarray(scale, np.float32).reshape(-1, 1), (count, 3))
    turns = np.tile([1.0, 0, 0, 0], (count, 1))
    return Geometry(
        *(torch.tensor(np.array(each), dtype=torch.float32) for each in (means, scales, turns, np.full(count, opacity)))
    )


def sheet(side: int = 40) -> np.ndarray:  # [side^2, 3]
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    return 0.016 * np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)


def test_a_sheet_and_a_strip_on_it_are_firm() -> None:
    strip = np.array([[0.32 + 0.016 * j, 0.32, 0.016 * k] for k in range(1, 40) for j in range(2)])
    held = support_of(geometry_of(np.concatenate([sheet(), strip]))).held
    assert int(held.min()) == 3


@pytest.mark.parametrize(("gap", "size", "firm"), [(0.03, 0.02, True), (0.06, 0.02, False), (0.03, 0.08, False)])
def test_the_tip_of_a_strip_is_held_up_by_what_it_touches_and_is_like(gap: float, size: float, firm: bool) -> None:
    strip = np.array([[0.04 * j, 0, 0.016 * k] for k in range(60) for j in range(3)])
    tip = np.array([[0.04, 0, strip[:, 2].max() + gap]])
    means = np.concatenate([strip, tip])
    scales = np.tile([0.02, 0.001, 0.001], (len(means), 1))
    scales[-1, 0] = size
    turns = np.tile([1.0, 0, 0, 0], (len(means), 1))
    arrays = (means, scales, turns, np.full(len(means), 0.9))
    support = support_of(Geometry(*(torch.tensor(each, dtype=torch.float32) for each in arrays)))
    assert bool(support.firm[:-1].all())
    assert bool(support.firm[-1]) == firm


def test_a_cloud_and_a_clump_in_front_of_a_sheet_float() -> None:
    rng = np.random.default_rng(0)
    cloud = rng.uniform([0, 0, 0.2], [0.64, 0.64, 0.8], (60, 3))
    clump = np.array([0.3, 0.3, 1.5]) + 0.008 * rng.standard_normal((8, 3))
    held = support_of(geometry_of(np.concatenate([sheet(), cloud, clump]))).held
    assert int(held[: len(sheet())].min()) == 3
    assert float((held[len(sheet()) :] == 0).float().mean()) > 0.9


@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_few_or_faint_gaussians_hold_up_nothing(count: int) -> None:
    support = support_of(geometry_of(sheet()[:count], opacity=0.05))
    assert support.held.tolist() == [0] * count


def test_what_is_far_longer_than_its_neighbors_are_apart_is_no_surface() -> None:
    scales = np.full(len(sheet()), 0.01)
    scales[820] = 0.5
    support = support_of(geometry_of(sheet(), scales))
    assert support.held[820] == 0
    assert support.large[820] > 5 > float(support.large.median())


def test_the_scale_of_a_scene_does_not_matter() -> None:
    means = np.concatenate([sheet(), np.random.default_rng(1).uniform(0, 1, (50, 3))])
    small, large = (support_of(geometry_of(means * unit, 0.01 * unit)).held for unit in (1.0, 1000.0))
    assert torch.equal(small, large)


def test_what_is_known_to_be_stray_holds_up_nothing_and_is_held_up_by_nothing() -> None:
    means = np.concatenate([sheet(), sheet() + [0, 0, 1.0]])
    strays = torch.arange(len(means)) >= len(means) // 2
    assert bool(support_of(geometry_of(means)).firm.all())
    assert torch.equal(support_of(geometry_of(means), strays).firm, ~strays)
    thinned = strays & (torch.rand(len(means), generator=torch.Generator().manual_seed(0)) < 0.9)
    assert not bool(support_of(geometry_of(means), thinned).firm[strays].any())
