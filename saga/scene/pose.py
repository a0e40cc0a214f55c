"""Camera poses as files give them, made into world-to-camera transforms."""

from __future__ import annotations

import numpy as np

from saga.errors import SagaError
from saga.scene.doubts import Doubts

OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""From camera axes of OpenGL (x right, y up, z backward) to OpenCV's (x right, y down, z forward), and back."""
_SCALED = 0.01
"""Share by which axes may differ from unit length without a word, and from each other at all."""


def is_unknown(camera_to_world: object) -> bool:
    """Whether a pose has the numbers of one, but not finite: what is written of cameras that were not registered."""
    matrix = _numbers(camera_to_world)
    return matrix.size in (12, 16) and not np.isfinite(matrix).all()


def invert_pose(
    camera_to_world: object,  # [3, 4] or [4, 4]
    where: str,
    doubts: Doubts | None = None,
) -> np.ndarray:  # [4, 4]
    """Returns the world-to-camera float64 [4, 4] of a camera-to-world matrix that was read from a file.

    The rotation is replaced by the nearest exact one; one that is scaled alike along all axes is normalized, which
    changes no pixel, and noted in `doubts`.

    Raises:
        SagaError: beginning with `where`: the matrix has another shape, is not finite, or stretches, shears, mirrors
            or is transposed.
    """
    matrix = _numbers(camera_to_world)
    if matrix.size in (12, 16) and matrix.ndim == 1:
        matrix = matrix.reshape(-1, 4)
    if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise SagaError(f"{where}: the pose is no 4x4 matrix of finite numbers; write the cameras again")
    matrix = _affine(matrix, where)
    u, stretch, v = np.linalg.svd(matrix[:3, :3])
    scale = float(stretch.mean())
    if scale == 0 or np.abs(stretch / scale - 1).max() > _SCALED or np.linalg.det(u @ v) < 0:
        raise SagaError(
            f"{where}: the pose is no rigid transform (axes stretched by {stretch.min():.3g} to "
            f"{stretch.max():.3g}, determinant {np.linalg.det(matrix[:3, :3]):.3g}, 1 expected); "
            "write the cameras again without scale or mirroring"
        )
    if doubts is not None and abs(scale - 1) > _SCALED:
        doubts.add(f"rotations are scaled (by {scale:.3g}), and are normalized", where.rpartition(": ")[2])
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


def _numbers(matrix: object) -> np.ndarray:
    try:
        return np.array(matrix, np.float64)
    except (TypeError, ValueError):
        return np.empty(0)


def _affine(
    matrix: np.ndarray,  # [3, 4] or [4, 4]
    where: str,
) -> np.ndarray:  # [3, 4] or [4, 4]
    """Returns a matrix whose last row is 0 0 0 1. Raises SagaError where it is anything else."""
    if len(matrix) == 3:
        return matrix
    if np.any(matrix[3, :3]) or matrix[3, 3] == 0:
        raise SagaError(
            f"{where}: expected a pose whose last row is 0 0 0 1, found {' '.join(f'{x:.3g}' for x in matrix[3])}: "
            "it is transposed or no pose; write the cameras again with the position in the last column"
        )
    return np.asarray(matrix / matrix[3, 3])
