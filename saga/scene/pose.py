"""Camera poses as files give them, made into world-to-camera transforms."""

from __future__ import annotations

import numpy as np

from saga.errors import SagaError


def invert_pose(
    camera_to_world: object,  # [3, 4] or [4, 4]
    where: str,
) -> np.ndarray:  # [4, 4]
    """Returns the world-to-camera float64 [4, 4] of a camera-to-world matrix that was read from a file.

    The rotation is replaced by the nearest exact one. Raises SagaError, beginning with `where`, when the
    matrix has another shape, is not finite or is no rigid transform.
    """
    try:
        matrix = np.array(camera_to_world, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise SagaError(f"{where}: the pose is no 4x4 matrix of finite numbers; write the cameras again")
    u, stretch, v = np.linalg.svd(matrix[:3, :3])
    if np.abs(stretch - 1).max() > 0.01 or np.linalg.det(u @ v) < 0:
        raise SagaError(
            f"{where}: the pose is no rigid transform (axes stretched by {stretch.min():.3g} to "
            f"{stretch.max():.3g}, determinant {np.linalg.det(matrix[:3, :3]):.3g}, 1 expected); "
            "write the cameras again without scale or mirroring"
        )
    return rigid_inverse(u @ v, matrix[:3, 3])


def rigid_inverse(
    rotation: np.ndarray,  # [3, 3]
    position: np.ndarray,  # [3]
) -> np.ndarray:  # [4, 4]
    """Returns the world-to-camera [4, 4] of a camera with camera-to-world `rotation` at `position`."""
    inverse = np.eye(4)
    inverse[:3, :3] = rotation.T
    inverse[:3, 3] = -rotation.T @ position
    return inverse
