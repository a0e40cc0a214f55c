"""Cameras of Polycam's raw data: a JSON for each photograph in keyframes/corrected_cameras, or keyframes/cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.doubts import Doubts
from saga.scene.image_folder import ImageFolder, attach_photographs
from saga.scene.json_file import read_json
from saga.scene.pose import OPENGL_TO_OPENCV, invert_pose, is_unknown

_POSE = [[f"t_{row}{column}" for column in range(4)] for row in range(3)]


def is_polycam(contents: Any) -> bool:
    """Whether JSON values are a camera of Polycam."""
    return isinstance(contents, dict) and {"t_00", "t_23", "fx", "width"} <= contents.keys()


def read_polycam(folder: str | Path, photographs: ImageFolder | None = None) -> list[Camera]:
    """Returns the cameras in a folder of Polycam's, sorted by name.

    t_ij is a camera-to-world matrix in OpenGL axes, in Polycam's own world, whose y is up.

    Raises:
        SagaError: a file is damaged or something else.
    """
    folder = Path(folder)
    doubts = Doubts(folder)
    cameras = [camera for path in sorted(folder.glob("*.json")) if (camera := _camera(path, doubts)) is not None]
    doubts.warn()
    if not cameras:
        raise SagaError(
            f"{folder}: expected cameras of Polycam with finite poses, found none; export the raw data again"
        )
    return attach_photographs(cameras, photographs, folder)


def _camera(path: Path, doubts: Doubts) -> Camera | None:
    values = read_json(path)
    if not is_polycam(values):
        raise SagaError(f"{path}: expected t_00 to t_23, fx and width as Polycam writes them; export it again")
    try:
        pose = [[values[key] for key in row] for row in _POSE]
        fx, fy, cx, cy = (float(values[key]) for key in ("fx", "fy", "cx", "cy"))
        width, height = int(values["width"]), int(values["height"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SagaError(f"{path}: expected the values of a camera, found others ({error}); export it again.") from error
    if is_unknown(pose):
        doubts.add("cameras without a finite pose are left out", path.stem)
        return None
    inverse = OPENGL_TO_OPENCV @ invert_pose(pose, str(path), doubts)
    return Camera(path.stem, width, height, fx, fy, cx, cy, inverse)
