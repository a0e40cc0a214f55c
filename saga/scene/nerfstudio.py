"""Cameras of nerfstudio's `transforms.json`, and writing one."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.files.json_values import write_json
from saga.files.transaction import atomic_path
from saga.scene.brown import brown_lens
from saga.scene.camera import Camera, LensModel
from saga.scene.doubts import Doubts
from saga.scene.image_folder import ImageFolder, attach_photographs
from saga.scene.images import image_size
from saga.scene.json_file import read_json
from saga.scene.names import IMAGE_SUFFIXES, existing
from saga.scene.pose import OPENGL_TO_OPENCV, invert_pose, is_unknown

_BLENDER_SIDE = 800
"""Width and height of the synthetic scenes of NeRF, whose files give a field of view alone."""
_MATRICES = ("K", "intrinsics", "intrinsic_matrix", "camera_intrinsics", "intrinsic")
_OTHER_NAMES = {"fx": "fl_x", "fy": "fl_y", "width": "w", "height": "h"}
_PERSPECTIVE = {"OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE"}


def read_nerfstudio(path: str | Path, photographs: ImageFolder | None = None) -> list[Camera]:
    """Returns cameras of a `transforms.json`, sorted by name.

    Poses are camera-to-world in OpenGL axes. Intrinsics stand in the file or in a frame (the frame wins):
    `fl_x`, `fl_y`, `cx`, `cy`, `w`, `h`, or `camera_angle_x`, or a matrix `K`; a missing size is the photograph's, or
    that of the other photographs. Non-zero k1 k2 k3 p1 p2 become an OPENCV lens (FULL_OPENCV when there is a k3), a
    fisheye an OPENCV_FISHEYE one. Frames whose pose is not finite are left out.

    A photograph is looked for in `photographs` when given, else at `file_path`, whose suffix may be missing.
    Raises SagaError when the file is damaged, or a size is neither in the file nor in a photograph.
    """
    path = Path(path)
    meta = read_json(path)
    frames = meta.get("frames") if isinstance(meta, dict) else None
    if not isinstance(frames, list) or not frames:
        raise SagaError(f"{path}: expected a list of frames, found none; give a nerfstudio transforms.json.")
    reader = _Reader(path, meta, photographs)
    cameras = [camera for index, frame in enumerate(frames) if (camera := reader.camera(index, frame)) is not None]
    if not cameras:
        raise SagaError(f"{path}: expected frames with finite poses, found none; write the cameras again")
    reader.doubts.warn()
    return attach_photographs(cameras, photographs, path)


class _Reader:
    """A file's frames as cameras, and what was assumed of them."""

    def __init__(self, path: Path, meta: dict[str, Any], photographs: ImageFolder | None) -> None:
        self.doubts = Doubts(path)
        self._path, self._photographs = path, photographs
        self._meta = _plain(meta, f"{path}: the file's intrinsics", self.doubts)

    def camera(self, index: int, frame: object) -> Camera | None:
        """Returns the camera of a frame, or None when its pose is not finite. Raises SagaError."""
        where = f"{self._path}: frame {index}"
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise SagaError(f"{where}: expected a file_path, found none; give a nerfstudio transforms.json.")
        name = frame["file_path"].replace("\\", "/")
        where += f" ({name})"
        if is_unknown(frame.get("transform_matrix")):
            self.doubts.add("frames without a finite pose are left out", name)
            return None
        image_path, name = _photograph(name, self._path.parent, self._photographs)
        values = _Values(where, {**self._meta, **_plain(frame, where, self.doubts)})
        width, height = values.size(image_path, self._usual_size)
        if image_path is None and not values.has_size:
            self.doubts.add(f"photographs are missing; {width}x{height} is assumed for them", name)
        fx, fy = values.focal_lengths(width, height)
        cx, cy = values.number("cx", width / 2), values.number("cy", height / 2)
        return Camera(
            name=name,
            width=width,
            height=height,
            fx=fx,
            fy=fy,
            cx=cx,
            cy=cy,
            world_to_camera=OPENGL_TO_OPENCV @ invert_pose(frame.get("transform_matrix"), where, self.doubts),
            image_path=image_path,
            lens=values.lens(width, height, (fx, fy, cx, cy)),
        )

    @cached_property
    def _usual_size(self) -> tuple[int, int] | None:
        """The size that the photographs of all frames have which are there; None when there is none, or several.

        Where there is none and the file gives a field of view alone, as the synthetic scenes of NeRF do, theirs.
        """
        names = [frame.get("file_path") for frame in self._meta["frames"] if isinstance(frame, dict)]
        paths = [_photograph(n, self._path.parent, self._photographs)[0] for n in names if isinstance(n, str)]
        sizes = {image_size(path) for path in paths if path is not None}
        if not sizes and "camera_angle_x" in self._meta and not {"fl_x", "cx", "cy"} & self._meta.keys():
            return _BLENDER_SIDE, _BLENDER_SIDE
        return next(iter(sizes)) if len(sizes) == 1 else None


def _plain(values: dict[str, Any], where: str, doubts: Doubts) -> dict[str, Any]:
    """Returns values with intrinsics under nerfstudio's names, where they are a matrix or have other names."""
    plain = {**values, **{ours: values[other] for other, ours in _OTHER_NAMES.items() if other in values}}
    key = next((key for key in _MATRICES if isinstance(values.get(key), list)), None)
    if key is None:
        return {**plain, **{name: values[name] for name in _OTHER_NAMES.values() if name in values}}
    try:
        matrix = np.array(values[key], np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.size == 4:
        fx, fy, cx, cy = matrix.ravel().tolist()
    elif matrix.size in (9, 16) and matrix.ravel()[-1] == 1:
        side = 3 if matrix.size == 9 else 4
        matrix = matrix.reshape(side, side)
        if matrix[0, 2] == 0 and matrix[2, 0] != 0:
            doubts.add(f"{key} is written by columns, and is read so", where.rpartition(": ")[2])
            matrix = matrix.T
        if matrix[0, 1]:
            doubts.add(f"skew in {key} is left out", where.rpartition(": ")[2])
        fx, fy, cx, cy = (float(x) for x in (matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]))
    else:
        raise SagaError(
            f"{where}: expected {key} as a 3x3 matrix or as fx, fy, cx, cy, found {matrix.size} numbers; "
            "write the file again"
        )
    return {**plain, "fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy}


def _photograph(name: str, root: Path, photographs: ImageFolder | None) -> tuple[Path | None, str]:
    """Returns the photograph of a frame, and the frame's name with the photograph's suffix if it had none."""
    if photographs is not None:
        found = photographs.find(name)
        return (None, name) if found is None else (photographs.root / found, name)
    for suffix in ("", *IMAGE_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES)):
        file = existing(root / (name + suffix))
        if file is not None and file.is_file():
            return file, name + suffix
    return None, name


class _Values:
    """The numbers that hold for one frame: its own, or else the file's."""

    def __init__(self, where: str, merged: dict[str, Any]) -> None:
        self.where = where
        self.merged = merged

    def number(self, key: str, default: float) -> float:
        value = self.merged.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
            raise SagaError(f"{self.where}: {key} is {value!r}, a number was expected; write the file again")
        return float(value)

    @property
    def has_size(self) -> bool:
        return "w" in self.merged and "h" in self.merged

    def size(self, image_path: Path | None, usual: tuple[int, int] | None) -> tuple[int, int]:
        if self.has_size:
            return int(self.number("w", 0)), int(self.number("h", 0))
        if image_path is not None:
            return image_size(image_path)
        if usual is None:
            raise SagaError(
                f"{self.where}: no w and h in the file and no photograph to take them from; "
                "give the folder of the photographs"
            )
        return usual

    def focal_lengths(self, width: int, height: int) -> tuple[float, float]:
        if "fl_x" in self.merged:
            fx = self.number("fl_x", 0)
        elif "camera_angle_x" in self.merged:
            fx = 0.5 * width / math.tan(0.5 * self.number("camera_angle_x", 0))
        else:
            raise SagaError(
                f"{self.where}: expected fl_x or camera_angle_x, found neither; give a file with intrinsics."
            )
        if "fl_y" not in self.merged and "camera_angle_y" in self.merged:
            return fx, 0.5 * height / math.tan(0.5 * self.number("camera_angle_y", 0))
        return fx, self.number("fl_y", fx)

    def lens(self, width: int, height: int, pinhole: tuple[float, float, float, float]) -> LensModel | None:
        model = self.merged.get("camera_model", "OPENCV")
        k1, k2, k3, k4, p1, p2 = (self.number(key, 0.0) for key in ("k1", "k2", "k3", "k4", "p1", "p2"))
        if model == "OPENCV_FISHEYE" or self.merged.get("is_fisheye"):
            return LensModel("OPENCV_FISHEYE", width, height, (*pinhole, k1, k2, k3, k4))
        if model not in _PERSPECTIVE:
            raise SagaError(f"{self.where}: camera_model {model} is not supported; undistort the photographs first")
        return brown_lens(self.where, width, height, pinhole, (k1, k2, k3, k4), (p1, p2))


def to_splatfacto_frame(cameras: Sequence[Camera], transform_file: Path, source: Path) -> list[Camera]:
    """Returns cameras of `source` in the frame of a splatfacto export, which `dataparser_transforms.json` describes.

    nerfstudio turns, shifts and scales poses before training and exports the PLY in that frame:
    x' = scale * transform [x; 1], where x is in the frame before the `applied_transform` that a
    `transforms.json` may carry. Raises SagaError when `transform_file` is damaged.
    """
    parser = read_json(transform_file)
    try:
        transform, scale = _square(parser["transform"]), float(parser["scale"])
        meta = read_json(source) if source.suffix == ".json" else {}
        if isinstance(meta, dict) and "applied_transform" in meta:
            transform = transform @ np.linalg.inv(_square(meta["applied_transform"]))
            scale /= float(meta.get("applied_scale", 1.0))
        back = np.linalg.inv(transform)
        if not (np.isfinite(back).all() and math.isfinite(scale) and scale > 0):
            raise ValueError(f"a scale of {scale} and a transform without an inverse")
    except (KeyError, TypeError, ValueError, OverflowError, np.linalg.LinAlgError) as error:
        raise SagaError(
            f"{transform_file}: expected a 3x4 'transform' and a 'scale' ({error!r}); "
            "take the file that nerfstudio wrote beside its config.yml"
        ) from error
    return [_moved(camera, back, scale) for camera in cameras]


def _moved(camera: Camera, back: np.ndarray, scale: float) -> Camera:
    pose = camera.world_to_camera @ back
    pose[:3, 3] *= scale
    return replace(camera, world_to_camera=pose)


def _square(matrix: object) -> np.ndarray:  # [4, 4]
    return np.vstack([np.array(matrix, np.float64).reshape(-1, 4)[:3], [0, 0, 0, 1]])


def write_transforms(cameras: Sequence[Camera], path: str | Path) -> None:
    """Write cameras as a nerfstudio `transforms.json`, which `load_scene` and splatfacto read.

    Photographs are named relative to the file's folder, views without one by their name. Raises SagaError
    when the file cannot be written, or a camera still has a lens: the file is for ideal pinholes.
    """
    path = Path(path)
    frames = []
    for camera in cameras:
        if camera.lens is not None:
            raise SagaError(f"{camera.name}: has the lens {camera.lens.model}; write undistorted views only")
        name = camera.name
        if camera.image_path is not None:
            name = Path(os.path.relpath(camera.image_path, path.parent)).as_posix()
        pose = np.linalg.inv(camera.world_to_camera) @ OPENGL_TO_OPENCV
        intrinsics = {"fl_x": camera.fx, "fl_y": camera.fy, "cx": camera.cx, "cy": camera.cy}
        size = {"w": camera.width, "h": camera.height}
        frames.append({"file_path": name, **intrinsics, **size, "transform_matrix": pose.tolist()})
    with atomic_path(path) as temporary:
        contents = {"camera_model": "OPENCV", "frames": frames}
        write_json(temporary, contents)
