"""A camera as JSON values: the one form in which the toolkit itself writes and reads cameras."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.scene.camera import Camera, LensModel


def camera_to_json(camera: Camera, folder: Path) -> dict[str, Any]:
    """Return a camera with its lens as JSON values; `folder` is that of the file they go into.

    The photograph is named twice: relative to `folder`, which holds when a project moves as a whole, and by its
    absolute path, which holds when only the file moves.
    """
    relative, absolute = (None, None) if camera.image_path is None else _places(camera.image_path, folder)
    return {
        "name": camera.name,
        "width": camera.width,
        "height": camera.height,
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "world_to_camera": camera.world_to_camera.tolist(),
        "lens": None if camera.lens is None else asdict(camera.lens),
        "upright": camera.upright,
        "image_path": relative,
        "image_path_absolute": absolute,
    }


def camera_from_json(entry: dict[str, Any], where: Path) -> Camera:
    """Return the camera that `camera_to_json` wrote into the file `where`.

    Its photograph is looked for relative to the file's folder, then by its absolute path; `image_path` is None where
    it is in neither place (`lost_photograph` tells this from a camera that never had one).

    Raises:
        SagaError: the entry is not of this form.
    """
    try:
        values = {name: _of_type(entry[name], kinds) for name, kinds in _TYPES.items()}
        fx, fy, cx, cy = (float(_of_type(value, (int, float))) for value in values["intrinsics"])
        pose = np.asarray(values["world_to_camera"], np.float64)
        if pose.shape != (4, 4) or not np.isfinite(pose).all():
            raise ValueError(f"a camera {values['name']} without a pose")
        lens = None if values["lens"] is None else _lens(values["lens"])
        path = _found(values["image_path"], values["image_path_absolute"], where.absolute().parent)
        camera = Camera(
            values["name"], values["width"], values["height"], fx, fy, cx, cy, pose, path, lens, values["upright"]
        )
        if not camera.plausible:
            raise ValueError(f"a camera {camera.name} that makes no picture")
        return camera
    except (KeyError, TypeError, ValueError) as error:
        raise SagaError(f"{where}: expected cameras as saga writes them, found {error!r}; train again.") from error


def lost_photograph(entry: dict[str, Any], camera: Camera) -> str | None:
    """Return where the photograph of a camera was when it was written, if it is there no more."""
    return entry["image_path_absolute"] if camera.image_path is None else None


_TYPES: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "width": (int,),
    "height": (int,),
    "intrinsics": (list,),
    "world_to_camera": (list,),
    "lens": (dict, NoneType),
    "upright": (bool,),
    "image_path": (str, NoneType),
    "image_path_absolute": (str, NoneType),
}


def _of_type(value: Any, kinds: tuple[type, ...]) -> Any:
    if type(value) not in kinds:
        raise TypeError(f"{value!r} where {' or '.join(kind.__name__ for kind in kinds)} belongs")
    return value


def _places(path: Path, folder: Path) -> tuple[str | None, str]:
    absolute = path.absolute()
    try:
        return Path(os.path.relpath(absolute, folder.absolute())).as_posix(), str(absolute)
    except ValueError:  # another drive on Windows
        return None, str(absolute)


def _found(relative: str | None, absolute: str | None, folder: Path) -> Path | None:
    candidates = ([] if relative is None else [folder / relative]) + ([] if absolute is None else [Path(absolute)])
    found = next((path for path in candidates if path.is_file()), None)
    return None if found is None else Path(os.path.normpath(found))


def _lens(entry: dict[str, Any]) -> LensModel:
    size = int(entry["width"]), int(entry["height"])
    return LensModel(str(entry["model"]), *size, tuple(float(value) for value in entry["params"]))
