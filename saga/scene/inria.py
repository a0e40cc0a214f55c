"""Cameras of the `cameras.json` that the INRIA trainer and its descendants write."""

from __future__ import annotations

import ast
from pathlib import Path

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.image_folder import ImageFolder, attach_photographs
from saga.scene.json_file import read_json
from saga.scene.pose import invert_pose


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
    cameras = [_camera(entry, f"{path}: camera {index}") for index, entry in enumerate(entries)]
    return attach_photographs(cameras, photographs, path)


def _camera(entry: object, where: str) -> Camera:
    keys = ("img_name", "width", "height", "fx", "fy", "position", "rotation")
    missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
    if missing or not isinstance(entry, dict):
        raise SagaError(f"{where} has no {', '.join(missing)}; expected a cameras.json of the INRIA trainer")
    try:
        width, height = int(entry["width"]), int(entry["height"])
        fx, fy = float(entry["fx"]), float(entry["fy"])
        pose = [[*row, x] for row, x in zip(entry["rotation"], entry["position"], strict=True)]
    except (TypeError, ValueError) as error:
        raise SagaError(f"{where} has a value of the wrong kind ({error}); write the file again") from error
    return Camera(
        name=str(entry["img_name"]).replace("\\", "/"),
        width=width,
        height=height,
        fx=fx,
        fy=fy,
        cx=width / 2,
        cy=height / 2,
        world_to_camera=invert_pose(pose, where),
    )


def inria_image_folder(path: Path) -> Path | None:
    """Returns the folder of the photographs that the `cfg_args` beside a `cameras.json` names, if it is there."""
    try:
        call = ast.parse((path.parent / "cfg_args").read_text(), mode="eval").body
        keywords = call.keywords if isinstance(call, ast.Call) else []
        arguments = {word.arg: ast.literal_eval(word.value) for word in keywords}
        folder = Path(arguments["source_path"], arguments.get("images") or "images")
    except (OSError, SyntaxError, ValueError, KeyError, TypeError):
        return None
    return folder if folder.is_dir() else None
