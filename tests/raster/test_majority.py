"""Masks without pictures: they are those of rendered pictures, pixel for pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.raster import DeviceScene, Geometry
from saga.raster.majority import Majority
from saga.scene import Camera, Gaussians, Scene

CAMERA = Camera("a", 150, 93, 90, 90, 75, 46, np.eye(4))


def cloud(seed: int, opacity: float, size: float, count: int = 4000, scale: float = 1.0) -> DeviceScene:
    """Gaussians of all shapes on both sides of a camera, in layers of which many show through each other."""
    rng = np.random.default_rng(seed)
    means = scale * (rng.uniform(-1, 1, (count, 3)) * [4, 3, 5] + [0, 0, 4])
    scales = scale * size * rng.uniform(0.05, 1, (count, 3))
    opacities = np.clip(rng.uniform(0, 2 * opacity, count), 0, 1)
    gaussians = Gaussians.from_arrays(means, scales, rng.normal(size=(count, 4)), opacities, np.zeros((count, 1, 3)))
    return DeviceScene(Scene(gaussians, [CAMERA]), "cpu")


def members(scene: DeviceScene, seed: int) -> torch.Tensor:  # [N] bool
    """A ball in the middle, and others all over."""
    means = scene.geometry.means / scene.geometry.means.std()
    scattered = torch.rand(len(means), generator=torch.Generator().manual_seed(seed)) < 0.4
    return ((means - means.mean(0)).norm(dim=1) < 0.7) | scattered


@pytest.mark.parametrize("opacity", [0.03, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("size", [0.03, 0.3])
def test_masks_are_those_of_rendered_pictures(opacity: float, size: float) -> None:
    scene = cloud(int(100 * opacity), opacity, size)
    majority = Majority(scene, members(scene, 0))
    found, expected = majority.mask(CAMERA), majority.rendered(CAMERA)
    assert found.shape == (93, 150)
    assert torch.equal(found, expected)
    if opacity >= 0.2 and size == 0.3:
        assert 100 < int(expected.sum()) < found.numel() - 100


def test_masks_are_the_same_in_a_tiny_scene_and_in_a_part_of_a_view() -> None:
    scene = cloud(3, 0.6, 0.2, scale=1e-3)
    assert scene.geometry.unit > 1
    pose = np.eye(4)
    camera = replace(CAMERA, world_to_camera=pose).cropped(32, 16, 112, 80)
    majority = Majority(scene, members(scene, 1))
    assert int(majority.rendered(camera).sum()) > 50
    assert torch.equal(majority.mask(camera), majority.rendered(camera))


def test_half_of_a_pixel_is_not_most_of_it() -> None:
    """Two Gaussians over a whole picture, the front one of weight 1/2, the one behind of 1/2 as well."""
    geometry = Geometry(
        torch.tensor([[0.0, 0, 2], [0, 0, 3]]), torch.full((2, 3), 1e4), torch.tensor([[1.0, 0, 0, 0]]).repeat(2, 1),
        torch.tensor([0.5, 0.999]),
    )  # fmt: skip
    scene = cloud(0, 1.0, 0.1, count=2)
    scene.geometry = geometry
    for own in ([True, False], [False, True]):
        majority = Majority(scene, torch.tensor(own))
        assert torch.equal(majority.mask(CAMERA), majority.rendered(CAMERA))


def test_no_members_and_all_members() -> None:
    scene = cloud(5, 0.6, 0.3)
    assert not bool(Majority(scene, torch.zeros(len(scene.geometry), dtype=torch.bool)).mask(CAMERA).any())
    everything = Majority(scene, torch.ones(len(scene.geometry), dtype=torch.bool))
    assert torch.equal(everything.mask(CAMERA), everything.rendered(CAMERA))
