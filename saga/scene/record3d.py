"""Cameras of Record3D: the metadata.json beside the folder rgb of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.doubts import Doubts
from saga.scene.image_folder import ImageFolder, attach_photographs
from saga.scene.json_file import read_json
from saga.scene.pose import OPENGL_TO_OPENCV, rigid_inverse

_OFF_CENTER = 0.15
"""Share of a side by which a principal point may lie beside the middle before it is not believed."""


def is_record3d(contents: Any) -> bool:
    """Whether JSON values are a recording's metadata."""
    return (
        isinstance(contents, dict) and {"poses", "w", "h"} <= contents.keys() and bool({"K", _EACH} & contents.keys())
    )


_EACH = "perFrameIntrinsicCoeffs"


def read_record3d(path: str | Path, photographs: ImageFolder | None = None) -> list[Camera]:
    """Returns the cameras of a recording, sorted by name; photographs are called by the numbers of the frames.

    A pose is a quaternion (x, y, z, w) and a position, camera-to-world in OpenGL axes. `K` is a matrix by columns;
    newer recordings have fx, fy, cx, cy for each frame.

    Raises:
        SagaError: the file is damaged or something else.
    """
    path = Path(path)
    contents = read_json(path)
    if not is_record3d(contents):
        raise SagaError(f"{path}: expected poses, K, w and h as Record3D writes them; give its metadata.json")
    doubts = Doubts(path)
    try:
        poses = np.array(contents["poses"], np.float64).reshape(-1, 7)
        width, height = int(contents["w"]), int(contents["h"])
        intrinsics = _intrinsics(contents, len(poses))
    except (TypeError, ValueError, OverflowError) as error:
        raise SagaError(
            f"{path}: expected numbers, found other values ({error}); export the recording again."
        ) from error
    from scipy.spatial.transform import Rotation  # loaded when needed: it takes a twentieth of a click

    cameras = []
    for index, (pose, values) in enumerate(zip(poses, intrinsics, strict=True)):
        if not np.isfinite(pose).all() or not np.any(pose[:4]):
            doubts.add("cameras without a finite pose are left out", str(index))
            continue
        fx, fy, cx, cy = values
        if abs(cx / width - 0.5) > _OFF_CENTER or abs(cy / height - 0.5) > _OFF_CENTER:
            doubts.add("principal points far from the middle are not believed, the middle is taken", str(index))
            cx, cy = width / 2, height / 2
        inverse = OPENGL_TO_OPENCV @ rigid_inverse(Rotation.from_quat(pose[:4]).as_matrix(), pose[4:])
        cameras.append(Camera(str(index), width, height, fx, fy, cx, cy, inverse))
    doubts.warn()
    if not cameras:
        raise SagaError(f"{path}: expected cameras with finite poses, found none; export the recording again")
    return attach_photographs(cameras, photographs, path)


def _intrinsics(contents: Any, count: int) -> np.ndarray:  # [N, 4]
    if contents.get(_EACH):
        return np.array(contents[_EACH], np.float64).reshape(count, 4)
    matrix = np.array(contents["K"], np.float64).reshape(3, 3)
    if matrix[0, 2] == 0:  # by columns, as Record3D writes it
        matrix = matrix.T
    return np.tile([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]], (count, 1))
