"""Choosing among the models of one COLMAP reconstruction: each has a frame of its own, and a scene fits one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.scene.colmap import count_images, read_colmap, read_colmap_points

_POINTS = 500
_CENTERS = 20_000
_NEAR = 0.03
"""How near a point must be to a Gaussian, as a share of the scene's extent."""
_FITS = 0.5
"""Share of a model's points near Gaussians of a scene that was trained from it."""


def choose_sub_model(
    paths: Sequence[Path],
    means: np.ndarray | None,  # [N, 3]
) -> tuple[Path, str]:
    """Returns the largest model whose points lie where the scene is, else the largest, and why.

    Args:
        paths: folders of the models.
        means: centers of the scene's Gaussians, or None.
    """
    by_size = sorted(paths, key=lambda path: -count_images(path))
    if means is None:
        return by_size[0], "the largest"
    shares = {path: _share_near(path, means) for path in by_size}
    fitting = [path for path in by_size if (shares[path] or 0) >= _FITS]
    if fitting:
        return fitting[0], "the largest whose points lie where the scene is"
    seeing = [path for path in by_size if shares[path] is None and _share_seeing(path, means) >= _FITS]
    return (seeing[0], "the largest whose cameras see the scene") if seeing else (by_size[0], "the largest")


def _share_near(
    path: Path,
    means: np.ndarray,  # [N, 3]
) -> float | None:
    """Returns the share of a model's points that lie near Gaussians; None where there are no points."""
    try:
        points = read_colmap_points(path)
    except SagaError:
        return None
    if not len(points) or not len(means):
        return None
    from scipy.spatial import cKDTree  # loaded when needed: a twentieth of a click

    centers = means[:: max(1, len(means) // _CENTERS)].astype(np.float64)
    low, high = np.percentile(centers, [5, 95], axis=0)
    points = points[:: max(1, len(points) // _POINTS)]
    distances, _ = cKDTree(centers).query(points)
    return float(np.mean(distances <= _NEAR * np.linalg.norm(high - low)))


def _share_seeing(
    path: Path,
    means: np.ndarray,  # [N, 3]
) -> float:
    """Returns the share of a model's cameras that see half of the Gaussians."""
    try:
        cameras = read_colmap(path)
    except SagaError:
        return 0.0
    centers = means[:: max(1, len(means) // _POINTS)]
    seeing = 0
    for camera in cameras:
        pixels, depths = camera.project(centers)
        inside = np.all((pixels >= 0) & (pixels < (camera.width, camera.height)), axis=1)
        seeing += bool(np.mean((depths > 0) & inside) >= _FITS)
    return seeing / len(cameras)
