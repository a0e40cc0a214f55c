"""Cameras of LLFF's poses_bounds.npy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.files.arrays import read_npy
from saga.scene.camera import Camera
from saga.scene.doubts import Doubts
from saga.scene.image_folder import ImageFolder, attach_photographs
from saga.scene.pose import invert_pose

_COLUMNS = 17


def read_llff(path: str | Path, photographs: ImageFolder | None = None) -> list[Camera]:
    """Returns the cameras of a poses_bounds.npy, sorted by name.

    A row is a matrix [3, 5] and two depths. Its columns are the camera's axes down, right and backward in the world,
    its position, and height, width and focal length in pixels. Rows belong to the photographs in the order of their
    names.

    Raises:
        SagaError: the file is damaged or something else, or there are more or fewer photographs than rows.
    """
    path = Path(path)
    rows = read_npy(path)
    if rows.ndim != 2 or rows.shape[1] != _COLUMNS or rows.dtype.kind not in "fiu":
        raise SagaError(
            f"{path}: expected rows of {_COLUMNS} numbers as LLFF writes them, found {rows.dtype} {list(rows.shape)}; "
            "give its poses_bounds.npy"
        )
    if photographs is not None and len(photographs.names) != len(rows):
        raise SagaError(
            f"{path}: expected as many photographs as its {len(rows)} rows, found {len(photographs.names)} in "
            f"{photographs.root}: which belongs to which is unclear; give the folder of exactly these photographs"
        )
    names = [f"{index:03d}" for index in range(len(rows))] if photographs is None else photographs.names
    doubts = Doubts(path)
    cameras = [_camera(row, name, f"{path}: {name}", doubts) for row, name in zip(rows, names, strict=True)]
    doubts.warn()
    return attach_photographs(cameras, photographs, path)


def _camera(row: np.ndarray, name: str, where: str, doubts: Doubts) -> Camera:
    pose = row[:15].reshape(3, 5).astype(np.float64)
    down, right, backward, position = pose[:, :4].T
    height, width, focal = pose[:, 4]
    matrix = np.stack([right, down, -backward, position], axis=1)
    return Camera(
        name=name,
        width=round(width) if np.isfinite(width) else 0,
        height=round(height) if np.isfinite(height) else 0,
        fx=focal,
        fy=focal,
        cx=width / 2,
        cy=height / 2,
        world_to_camera=invert_pose(matrix, where, doubts),
    )
