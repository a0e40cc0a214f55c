"""Cameras of RealityCapture's CSV of internal and external camera parameters."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.files.reading import reading
from saga.files.special import first_bytes
from saga.scene.brown import brown_lens
from saga.scene.camera import Camera
from saga.scene.doubts import Doubts
from saga.scene.image_folder import ImageFolder, attach_photographs
from saga.scene.images import image_size
from saga.scene.pose import OPENGL_TO_OPENCV, rigid_inverse

_POSE = ("x", "y", "alt", "heading", "pitch", "roll")
_INTERNAL = ("f", "px", "py", "k1", "k2", "k3", "k4", "t1", "t2")
_FILM_WIDTH = 36.0
"""Millimeters of the longer side that focal lengths are given for."""


def is_reality_capture(path: Path) -> bool:
    """Whether a CSV begins as RealityCapture's."""
    start = first_bytes(path, 1000).lower()
    return b"heading" in start and b"name" in start and b"roll" in start


def read_reality_capture(path: str | Path, photographs: ImageFolder | None = None) -> list[Camera]:
    """Returns the cameras of a CSV of RealityCapture, sorted by name.

    Heading, pitch and roll are degrees; with all 0 the camera looks down the world's z with y upward in the picture.
    The focal length is for a film 36 mm wide, the principal point is an offset from the middle as a share of the longer
    side. The file has no sizes: they are the photographs'.

    Raises:
        SagaError: the file is damaged, holds no internal parameters, or no photograph gives a size.
    """
    path = Path(path)
    rows = _rows(path)
    doubts = Doubts(path)
    sizes = {row["name"]: _size(row["name"], path, photographs) for row in rows}
    known = {size for size in sizes.values() if size is not None}
    if not known:
        raise SagaError(f"{path}: expected photographs, whose sizes it lacks, found none; give their folder")
    cameras = []
    for row in rows:
        size = sizes[row["name"]]
        if size is None:
            if len(known) > 1:
                doubts.add("cameras whose photograph is missing are left out: sizes differ", row["name"])
                continue
            doubts.add("cameras whose photograph is missing have the size of the others", row["name"])
            (size,) = known
        camera = _camera(row, size, f"{path}: {row['name']}")
        if camera.lens is not None and any(camera.lens.params[6:8]):
            doubts.add("tangential distortion t1, t2 is taken for p1, p2 as OpenCV has them", row["name"])
        cameras.append(camera)
    doubts.warn()
    return attach_photographs(cameras, photographs, path)


def _rows(path: Path) -> list[dict[str, str]]:
    with reading(path, "RealityCapture's CSV", "export it again"):
        text = path.read_bytes().decode("utf-8-sig")
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if "heading" in line.lower()), len(lines))
    header = lines[start].lstrip("# ") if start < len(lines) else ""
    separator = ";" if header.count(";") > header.count(",") else ","
    rows = list(csv.DictReader(io.StringIO("\n".join([header, *lines[start + 1 :]])), delimiter=separator))
    missing = [key for key in ("name", *_POSE, *_INTERNAL) if not rows or rows[0].get(key) is None]
    if missing:
        raise SagaError(
            f"{path}: expected a CSV of internal and external camera parameters of RealityCapture, found none of "
            f"{', '.join(missing)}; export that"
        )
    return [row for row in rows if row["name"]]


def _size(name: str, path: Path, photographs: ImageFolder | None) -> tuple[int, int] | None:
    found = None if photographs is None else photographs.find(name)
    if found is not None and photographs is not None:
        return image_size(photographs.root / found)
    beside = path.parent / name
    return image_size(beside) if beside.is_file() else None


def _camera(row: dict[str, str], size: tuple[int, int], where: str) -> Camera:
    try:
        values = {key: float(row[key]) for key in (*_POSE, *_INTERNAL)}
    except (TypeError, ValueError) as error:
        raise SagaError(
            f"{where}: expected a number for each value, found others ({error}); export it again."
        ) from error
    if not np.isfinite(list(values.values())).all():
        raise SagaError(f"{where}: expected finite numbers, found others; export it again.")
    from scipy.spatial.transform import Rotation  # loaded when needed: it takes a twentieth of a click

    width, height = size
    longer = max(size)
    focal = values["f"] * longer / _FILM_WIDTH
    pinhole = (focal, focal, width / 2 + values["px"] * longer, height / 2 + values["py"] * longer)
    turn = Rotation.from_euler("ZXY", [-values["heading"], values["pitch"], values["roll"]], degrees=True)
    position = np.array([values[key] for key in _POSE[:3]])
    radial = tuple(values[key] for key in ("k1", "k2", "k3", "k4"))
    return Camera(
        row["name"],
        width,
        height,
        *pinhole,
        OPENGL_TO_OPENCV @ rigid_inverse(turn.as_matrix(), position),
        lens=brown_lens(where, width, height, pinhole, radial, (values["t1"], values["t2"])),
    )
