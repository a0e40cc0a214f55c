"""What the cameras of a capture turn around: the thing that a person walked around, and what it stands on."""

from __future__ import annotations

import numpy as np

from saga.masks.scene.surface import Surface

_TURNED = 0.1
"""Least mean squared sine of the angle between the cameras' axes and any direction. With less they look the same way,
and where they come nearest to each other is chance."""
_REACH = 0.6
"""Distance from the focus up to which the surface is around it, in median distances of the cameras from it."""


def around_focus(surface: Surface) -> np.ndarray | None:  # [V]
    """Which voxels lie around the point that the cameras look at, bool [V]; None where they look at none.

    The point is the one nearest to all optical axes, by least squares.
    """
    cameras = [grid.camera for grid in surface.grids]
    axes = np.stack([camera.world_to_camera[2, :3] for camera in cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None]  # takes the part along an axis away
    spread = across.mean(0)
    if np.linalg.eigvalsh(spread)[0] < _TURNED:
        return None
    focus = np.linalg.solve(spread, np.einsum("kij,kj->i", across, surface.centers) / len(cameras))
    to_cameras = focus - surface.centers
    if np.median((to_cameras * axes).sum(1)) <= 0:  # they look away from each other, as from the middle of a room
        return None
    distance = float(np.median(np.linalg.norm(to_cameras, axis=1)))
    near: np.ndarray = np.linalg.norm(surface.points - focus, axis=1) < _REACH * distance
    return near
