"""Coordinate frames that trainers move a scene into, recomputed from what is at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.files.reading import reading
from saga.scene import Camera
from saga.scene.json_file import read_json

DATAPARSER = "dataparser_transforms.json"
_OUTPUTS = "outputs"
_LEVELS = 3
"""Folders above the scene, the photographs and the cameras in which outputs of nerfstudio are looked for."""
_MOST_FILES = 12
_TOLERANCE = 1e-3
"""Difference from a rotation that is rounding, of files written with few digits."""
_RENAMED = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class Frame:
    """A similarity from the frame of the camera files into one that a scene may be in."""

    name: str
    """What it is, for people."""
    matrix: np.ndarray  # [4, 4]
    """Rotation times scale, and translation."""

    def cameras(self, cameras: Sequence[Camera]) -> list[Camera]:
        """Returns cameras of the files' frame in this one."""
        scale = np.cbrt(np.linalg.det(self.matrix[:3, :3]))
        inverse = np.linalg.inv(self.matrix)
        moved = []
        for camera in cameras:
            pose = camera.world_to_camera @ inverse
            moved.append(replace(camera, world_to_camera=np.vstack([scale * pose[:3], [0, 0, 0, 1]])))
        return moved


def frame_of_file(path: Path, source: Path) -> Frame:
    """Returns the frame that a file describes: nerfstudio's dataparser_transforms.json, or a 4x4 matrix.

    Args:
        path: a JSON file with "transform" and "scale", a JSON list of rows, or a text file of 16 numbers.
        source: the camera file, whose applied_transform nerfstudio's file comes after.

    Raises:
        SagaError: the file is missing, or holds something else or no similarity.
    """
    advice = "give the file that nerfstudio wrote beside its config.yml, or 16 numbers"
    with reading(path, "a 3x4 'transform' with a 'scale', or a 4x4 matrix", advice):
        contents = read_json(path) if path.suffix == ".json" else np.loadtxt(path)
        if isinstance(contents, dict):
            frame = Frame(f"nerfstudio's {path}", _dataparser(contents, source))
        else:
            frame = Frame(str(path), np.array(contents, np.float64).reshape(4, 4))
    _check_similarity(frame.matrix, path)
    return frame


def dataparser_files(places: Sequence[Path]) -> list[Path]:
    """Returns nerfstudio's frame files near some files or folders, the newest first.

    They are looked for in each folder, in up to three above it, and in outputs/<data>/<method>/<time>/ of these.
    """
    folders = dict.fromkeys(
        folder for place in places for folder in [place.absolute(), *list(place.absolute().parents)[:_LEVELS]]
    )
    found: dict[Path, float] = {}
    for folder in folders:
        for pattern in (DATAPARSER, f"{_OUTPUTS}/*/*/*/{DATAPARSER}", f"*/*/{DATAPARSER}"):
            for path in folder.glob(pattern) if folder.is_dir() else ():
                found[path] = path.stat().st_mtime
    return sorted(found, key=lambda path: -found[path])[:_MOST_FILES]


def normalized_by_gsplat(cameras: Sequence[Camera], points: np.ndarray | None) -> Iterator[Frame]:
    """Yields the frames that gsplat's simple_trainer may have normalized a scene into.

    It turns the cameras' mean up to -y, shifts the median of the points on the optical axes nearest to the origin to
    it, and scales the median distance of the cameras to 1; then it turns the principal axes of the sparse points, the
    smallest last, onto the axes. The signs of principal axes are up to the linear algebra library: all are tried.

    Args:
        cameras: in the files' frame.
        points: sparse points [P, 3] of the reconstruction in the same frame; None leaves out the principal axes.
    """
    first = _similarity_of_cameras(cameras)
    if points is not None and len(points) > 3:
        moved = points @ first[:3, :3].T + first[:3, 3]
        middle = np.median(moved, axis=0)
        values, vectors = np.linalg.eigh(np.cov(moved - middle, rowvar=False))
        axes = vectors[:, np.argsort(values)[::-1]]
        for signs in product((1.0, -1.0), repeat=3):
            turn = (axes * signs).T
            if np.linalg.det(turn) > 0:
                yield Frame("gsplat's normalization", _transform(turn, -turn @ middle) @ first)
    yield Frame("gsplat's normalization without principal axes", first)


def oriented_by_nerfstudio(cameras: Sequence[Camera]) -> Iterator[Frame]:
    """Yields the frames of nerfstudio's default: up turned to z, the mean camera at the origin, all within 1 of it.

    The turn is the smallest one, and so depends on the frame before it: that of the files, or, where nerfstudio reads a
    COLMAP model itself, that frame with its axes renamed to x, z and -y.
    """
    for renamed in (np.eye(4), _RENAMED):
        yield Frame("nerfstudio's default orientation and scale", _oriented(cameras, renamed) @ renamed)


def _oriented(cameras: Sequence[Camera], renamed: np.ndarray) -> np.ndarray:  # [4, 4]
    poses = [renamed @ np.linalg.inv(camera.world_to_camera) for camera in cameras]
    origins = np.stack([pose[:3, 3] for pose in poses])
    up = np.mean([-pose[:3, 1] for pose in poses], axis=0)
    turn, middle = _rotation_between(up, np.array([0.0, 0.0, 1.0])), origins.mean(0)
    reach = float(np.abs((origins - middle) @ turn.T).max())
    scale = 1.0 / reach if reach > 0 else 1.0
    return _transform(scale * turn, -scale * turn @ middle)


def _similarity_of_cameras(cameras: Sequence[Camera]) -> np.ndarray:  # [4, 4]
    poses = [np.linalg.inv(camera.world_to_camera) for camera in cameras]
    up = np.mean([-pose[:3, 1] for pose in poses], axis=0)
    turn = _rotation_between(up, np.array([0.0, -1.0, 0.0]))
    origins = np.stack([turn @ pose[:3, 3] for pose in poses])
    forward = np.stack([turn @ pose[:3, 2] for pose in poses])
    nearest = origins - (origins * forward).sum(1, keepdims=True) * forward
    shift = -np.median(nearest, axis=0)
    distance = float(np.median(np.linalg.norm(origins + shift, axis=1)))
    scale = 1.0 / distance if distance > 0 else 1.0
    return _transform(scale * turn, scale * shift)


def _rotation_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:  # [3, 3]
    """Returns the smallest rotation that turns one direction into another."""
    a, b = one / np.linalg.norm(one), other / np.linalg.norm(other)
    cosine, axis = float(a @ b), np.cross(a, b)
    if cosine < -1 + 1e-9:  # opposite: half a turn about x, as gsplat and nerfstudio do nearly enough
        side = np.cross(a, np.eye(3)[np.argmin(np.abs(a))])
        side /= np.linalg.norm(side)
        return np.asarray(2 * np.outer(side, side) - np.eye(3))
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + cosine))


def _dataparser(contents: dict[str, object], source: Path) -> np.ndarray:  # [4, 4]
    transform, scale = _rows(contents["transform"]), float(str(contents["scale"]))
    meta = read_json(source) if source.suffix == ".json" else {}
    if isinstance(meta, dict) and "applied_transform" in meta:
        transform = transform @ np.linalg.inv(_rows(meta["applied_transform"]))
        scale /= float(meta.get("applied_scale", 1.0))
    return np.asarray(np.diag([scale, scale, scale, 1.0]) @ transform)


def _rows(matrix: object) -> np.ndarray:  # [4, 4]
    return np.vstack([np.array(matrix, np.float64).reshape(-1, 4)[:3], [0, 0, 0, 1]])


def _transform(linear: np.ndarray, shift: np.ndarray) -> np.ndarray:  # [4, 4]
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, shift
    return matrix


def _check_similarity(matrix: np.ndarray, path: Path) -> None:
    linear = matrix[:3, :3]
    with np.errstate(all="ignore"):
        scale = np.cbrt(np.linalg.det(linear))
        turn = linear / scale
        is_one = np.allclose(turn @ turn.T, np.eye(3), atol=_TOLERANCE) and np.allclose(matrix[3], (0, 0, 0, 1))
    if not np.isfinite(matrix).all() or not scale > 0 or not is_one:
        raise SagaError(
            f"{path}: expected a similarity (rotation, one scale, translation), found {json.dumps(matrix.tolist())}; "
            "give the matrix that takes the cameras' frame to the scene's."
        )
