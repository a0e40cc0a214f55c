"""A camera as JSON values: the one form in which the toolkit itself writes and reads cameras."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.scene.camera import Camera, LensModel


def camera_to_json(camera: Camera, folder: Path) -> dict[str, Any]:
    """Return a camera with its lens as JSON values; `folder` is that of the file they go into.

    The photograph is named twice: relative to `folder`, which holds when a project moves as a whole, and by its
    absolute path, which holds when only the file moves.
    """
    return {
        "name": camera.name,
        "width": camera.width,
        "height": camera.height,
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "world_to_camera": camera.world_to_camera.tolist(),
        "lens": None if camera.lens is None else asdict(camera.lens),
        "photograph": None if camera.image_path is None else _places(camera.image_path, folder),
    }


def camera_from_json(entry: dict[str, Any], where: Path) -> Camera:
    """Return the camera that `camera_to_json` wrote into the file `where`.

    Its photograph is looked for relative to the file's folder, then by its absolute path; `image_path` is None where
    it is in neither place (`lost_photograph` tells this from a camera that never had one).

    Raises:
        SagaError: the entry is not of this form.
    """
    try:
        fx, fy, cx, cy = map(float, entry["intrinsics"])
        pose = np.asarray(entry["world_to_camera"], np.float64)
        if pose.shape != (4, 4):
            raise ValueError(f"a pose of shape {list(pose.shape)}")
        size = int(entry["width"]), int(entry["height"])
        lens = None if entry["lens"] is None else _lens(entry["lens"])
        path = None if entry["photograph"] is None else _found(entry["photograph"], where.absolute().parent)
        return Camera(str(entry["name"]), *size, fx, fy, cx, cy, pose, path, lens)
    except (KeyError, TypeError, ValueError) as error:
        raise SagaError(f"{where}: expected cameras as saga writes them, found {error!r}; train again.") from error


def lost_photograph(entry: dict[str, Any], camera: Camera) -> str | None:
    """Return where the photograph of a camera was when it was written, if it is there no more."""
    return None if camera.image_path is not None or entry["photograph"] is None else str(entry["photograph"]["path"])


def _places(path: Path, folder: Path) -> dict[str, str | None]:
    absolute = path.absolute()
    try:
        relative = Path(os.path.relpath(absolute, folder.absolute())).as_posix()
    except ValueError:  # another drive on Windows
        relative = None
    return {"relative": relative, "path": str(absolute)}


def _found(places: dict[str, str | None], folder: Path) -> Path | None:
    candidates = [folder / places["relative"]] if places["relative"] is not None else []
    candidates += [Path(str(places["path"]))]
    found = next((path for path in candidates if path.is_file()), None)
    return None if found is None else Path(os.path.normpath(found))


def _lens(entry: dict[str, Any]) -> LensModel:
    size = int(entry["width"]), int(entry["height"])
    return LensModel(str(entry["model"]), *size, tuple(float(value) for value in entry["params"]))
