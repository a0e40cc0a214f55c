"""Cameras of the `cameras.json` that the INRIA trainer and its descendants write."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.files.special import first_bytes
from saga.scene.camera import Camera
from saga.scene.doubts import Doubts
from saga.scene.image_folder import ImageFolder, attach_photographs
from saga.scene.json_file import read_json
from saga.scene.pose import invert_pose, is_unknown

_LONGEST_ARGUMENTS = 1 << 16
"""Bytes: no command line is longer."""


def read_inria(path: str | Path, photographs: ImageFolder | None = None) -> list[Camera]:
    """Returns cameras of an INRIA `cameras.json`, sorted by name.

    Poses are camera-to-world in OpenCV axes, sizes are the original photographs', the principal point is
    the image center. `img_name` often lacks the suffix; the name then does too, until `photographs` has the
    file. Raises SagaError when the file is damaged or something else.
    """
    path = Path(path)
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise SagaError(f"{path}: expected a list of cameras as the INRIA trainer writes it")
    doubts = Doubts(path)
    cameras = [
        camera
        for index, entry in enumerate(entries)
        if (camera := _camera(entry, f"{path}: camera {index}", doubts)) is not None
    ]
    cameras = _told_apart(cameras, path, photographs, doubts)
    if not cameras:
        raise SagaError(f"{path}: expected cameras with finite poses, found none; write the cameras again")
    doubts.warn()
    return attach_photographs(cameras, photographs, path)


def _told_apart(cameras: list[Camera], path: Path, photographs: ImageFolder | None, doubts: Doubts) -> list[Camera]:
    """Returns cameras of which no two have one name: a photograph for training and one for testing may share it."""
    sharing: dict[str, list[Camera]] = defaultdict(list)
    for camera in cameras:
        same = sharing[camera.name]
        if any(np.array_equal(camera.world_to_camera, other.world_to_camera) for other in same):
            doubts.add("cameras that are written twice are taken once", camera.name)
        else:
            same.append(camera)
    apart = []
    for same in sharing.values():
        apart += same if len(same) != 2 else _pair(same, path, photographs, doubts)
    return apart


def _pair(same: list[Camera], path: Path, photographs: ImageFolder | None, doubts: Doubts) -> list[Camera]:
    """Returns two cameras of one name as test/NAME and train/NAME, or the one whose photographs are at hand.

    The trainer writes those for testing first where it was told to keep them apart (eval in `cfg_args`), else last.
    Without its `cfg_args` they are taken to come first: were that wrong, the photographs would not show the scene.

    Raises:
        SagaError: one photograph may be either's.
    """
    name, evaluates = same[0].name, _arguments(path).get("eval")
    order = ("train", "test") if evaluates is False else ("test", "train")
    if photographs is not None:
        folder = photographs.root.absolute().name
        if folder in order:
            doubts.add(f"cameras share a name; those of {folder} are taken, whose photographs these are", name)
            return [same[order.index(folder)]]
        first, second = (photographs.find(f"{part}/{name}") for part in order)
        if first is not None and first == second:
            raise SagaError(
                f"{path}: expected photographs in folders test and train, or in one that is called so, found one "
                f"{first} for two cameras called {name}; give the folder that holds test and train."
            )
    known = "" if isinstance(evaluates, bool) else " (as with --eval; its cfg_args is not here)"
    doubts.add(f"cameras share a name; they are called {order[0]}/ and {order[1]}/NAME as they come{known}", name)
    return [replace(camera, name=f"{part}/{name}") for part, camera in zip(order, same, strict=True)]


def _camera(entry: object, where: str, doubts: Doubts) -> Camera | None:
    keys = ("img_name", "width", "height", "fx", "fy", "position", "rotation")
    missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
    if missing or not isinstance(entry, dict):
        raise SagaError(f"{where} has no {', '.join(missing)}; expected a cameras.json of the INRIA trainer")
    try:
        width, height = int(entry["width"]), int(entry["height"])
        fx, fy = float(entry["fx"]), float(entry["fy"])
        pose = [[*row, x] for row, x in zip(entry["rotation"], entry["position"], strict=True)]
    except (TypeError, ValueError) as error:
        raise SagaError(
            f"{where}: expected the values of a camera, found others ({error}); write the file again."
        ) from error
    name = str(entry["img_name"]).replace("\\", "/")
    if is_unknown(pose):
        doubts.add("cameras without a finite pose are left out", name)
        return None
    return Camera(
        name=name,
        width=width,
        height=height,
        fx=fx,
        fy=fy,
        cx=width / 2,
        cy=height / 2,
        world_to_camera=invert_pose(pose, where, doubts),
    )


def inria_image_folder(path: Path) -> Path | None:
    """Returns the folder of the photographs that the `cfg_args` beside a `cameras.json` names, if it is there."""
    arguments = _arguments(path)
    try:
        source = Path(arguments["source_path"])
        folder = source / (arguments.get("images") or "images")
    except (KeyError, TypeError):
        return None
    if not folder.is_dir() and (source / "train").is_dir():  # the synthetic scenes of NeRF
        return source
    return folder if folder.is_dir() else None


def _arguments(path: Path) -> dict[str, Any]:
    """Returns the arguments that the trainer was called with; none where its `cfg_args` is not there."""
    try:
        call = ast.parse(first_bytes(path.parent / "cfg_args", _LONGEST_ARGUMENTS).decode(), mode="eval").body
        keywords = call.keywords if isinstance(call, ast.Call) else []
        return {word.arg: ast.literal_eval(word.value) for word in keywords if word.arg is not None}
    except Exception:  # whatever Python's parser thinks of it: the file is only a hint
        return {}
