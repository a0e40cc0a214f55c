"""Finding planes among points."""

from __future__ import annotations

import numpy as np
import pytest

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.planes import best_plane, fitted_plane


@pytest.mark.parametrize("seed", range(3))
def test_a_tilted_plane_under_a_crowd(seed: int) -> None:
    rng = np.random.default_rng(seed)
    normal = np.array([0.3, -0.2, 1.0]) / np.linalg.norm([0.3, -0.2, 1.0])
    flat = rng.uniform(-1, 1, (3000, 3))
    flat -= (flat @ normal)[:, None] * normal
    flat += rng.normal(0, 0.003, (3000, 1)) * normal
    crowd = rng.uniform(-1, 1, (4000, 3))
    points = np.concatenate([flat, crowd])
    normals = rng.normal(size=points.shape)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    plane = best_plane(points, normals, np.ones(len(points)), 0.01, 0.5, SceneMaskConfig(), rng)
    assert plane is not None
    assert abs(plane.normal @ normal) > np.cos(np.radians(0.5))
    assert abs(plane.center @ normal) < 0.005


def test_points_on_a_line_make_no_plane() -> None:
    points = np.linspace(0, 1, 200)[:, None] * np.array([1.0, 2.0, 3.0])
    rng = np.random.default_rng(0)
    assert best_plane(points, np.ones_like(points), np.ones(200), 0.01, 0.5, SceneMaskConfig(), rng) is None


def test_axes_span_the_plane() -> None:
    plane = fitted_plane(np.array([[0.0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]))
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(plane.axes @ plane.normal, 0, atol=1e-12)
    np.testing.assert_allclose(np.abs(plane.heights(np.array([[5.0, 5.0, 3.0]]))), 2)
