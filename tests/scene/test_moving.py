"""Gaussians in another frame: they look as before from the camera that went along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from saga.raster import BlendOperator, Geometry
from saga.scene import Camera, Gaussians
from saga.scene.moving import harmonics_rotation, moved
from saga.scene.spherical_harmonics import evaluate_basis

CAMERA = Camera("a", 48, 36, 40, 40, 24, 18, np.eye(4))


def some(coefficients: int, seed: int = 0, count: int = 40) -> Gaussians:
    rng = np.random.default_rng(seed)
    means = rng.uniform(-1, 1, (count, 3)) * (1.5, 1, 1) + (0, 0, 4)
    scales, opacities = rng.uniform(0.05, 0.5, (count, 3)), rng.uniform(0.2, 0.9, count)
    sh = rng.normal(0, 0.3, (count, coefficients, 3))
    return Gaussians.from_arrays(means, scales, rng.normal(size=(count, 4)), opacities, sh)


def seen(gaussians: Gaussians, camera: Camera) -> np.ndarray:  # [H, W, 3]
    colors = torch.from_numpy(gaussians.colors(camera.position))
    return BlendOperator(Geometry.from_gaussians(gaussians), camera).render(colors).numpy()


def along(camera: Camera, rotation: np.ndarray, scale: float, offset: np.ndarray) -> Camera:
    """The camera that is moved as the Gaussians are."""
    pose = camera.world_to_camera.copy()
    pose[:3, :3] = camera.world_to_camera[:3, :3] @ rotation.T
    pose[:3, 3] = scale * camera.world_to_camera[:3, 3] - pose[:3, :3] @ offset
    return replace(camera, world_to_camera=pose)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from([1, 4, 9, 16, 25]), st.floats(0.3, 4))
def test_it_looks_as_before_from_the_camera_that_went_along(seed: int, coefficients: int, scale: float) -> None:
    gaussians, rng = some(coefficients, seed), np.random.default_rng(seed)
    rotation, offset = Rotation.random(random_state=seed).as_matrix(), rng.normal(size=3)
    other = moved(gaussians, rotation, scale, offset)
    before, after = seen(gaussians, CAMERA), seen(other, along(CAMERA, rotation, scale, offset))
    assert np.abs(before - after).max() < 2e-3


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_harmonics_turn_with_the_frame(degree: int) -> None:
    rotation = Rotation.from_euler("xyz", (0.4, -1.3, 2.2)).as_matrix()
    rng, own = np.random.default_rng(degree), slice(degree**2, (degree + 1) ** 2)
    directions = rng.normal(size=(50, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    coefficients, matrix = rng.normal(size=2 * degree + 1), harmonics_rotation(rotation, degree)
    turned = evaluate_basis(directions, own.stop)[:, own] @ (matrix @ coefficients)
    expected = evaluate_basis(directions @ rotation, own.stop)[:, own] @ coefficients  # rows are R^-1 d
    assert np.allclose(turned, expected, atol=1e-5)
    assert np.allclose(matrix @ matrix.T, np.eye(2 * degree + 1), atol=1e-5)


def test_what_is_written_is_what_was_moved(tmp_path: Path) -> None:
    gaussians = some(16)
    other = moved(gaussians, Rotation.from_euler("y", 1.1).as_matrix(), 2.5, np.array([1.0, 2, 3]))
    other.write(tmp_path / "moved.ply")
    read = Gaussians.read(tmp_path / "moved.ply")
    for name in ("means", "scales", "quaternions", "opacities", "sh"):
        assert np.allclose(getattr(read, name), getattr(other, name), atol=1e-5), name
    assert np.array_equal(gaussians.vertices, some(16).vertices)  # the first ones are as they were


def test_stray_rows_and_zero_quaternions_stay_harmless() -> None:
    gaussians = some(4)
    rows = np.array(gaussians.vertices)
    rows["x"][0] = np.nan
    for name in ("rot_0", "rot_1", "rot_2", "rot_3"):
        rows[name][1] = 0
    valid = np.arange(len(rows)) > 0
    other = moved(replace(gaussians, vertices=rows, valid=valid), np.eye(3)[[1, 2, 0]], 1.0, np.zeros(3))
    assert np.array_equal(other.means[0], [0, 0, 0])
    assert np.isclose(np.linalg.norm([other.vertices[f"rot_{k}"][1] for k in range(4)]), 1)
