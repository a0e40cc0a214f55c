"""Cameras of a COLMAP sparse model."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.files.reading import reading
from saga.files.special import first_bytes
from saga.scene.camera import Camera, LensModel
from saga.scene.colmap_check import check_binary_model
from saga.scene.doubts import Doubts
from saga.scene.image_folder import ImageFolder, attach_photographs

_PINHOLE = {"SIMPLE_PINHOLE", "PINHOLE"}
# A perspective camera times a distortion that is the identity when every extra parameter is 0.
_PERSPECTIVE = {"SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV"}

_LENGTH_TOLERANCE = 0.01
# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME
_NAME_COLUMN = 9


def is_colmap(folder: Path) -> bool:
    """Whether `folder` holds a COLMAP model, binary or text."""
    return any(
        (folder / f"cameras{suffix}").is_file() and (folder / f"images{suffix}").is_file()
        for suffix in (".bin", ".txt")
    )


def read_colmap(folder: str | Path, photographs: ImageFolder | None = None) -> list[Camera]:
    """Returns cameras of the COLMAP model in `folder` (binary or text), sorted by name.

    Every camera model that projects through a single lens is read; a distorted one becomes an ideal pinhole
    of the same focal length and center, with the distortion in `lens`. Images without a pose are left out.

    Raises SagaError when the model is missing, damaged, empty or spherical.
    """
    folder = Path(folder)
    model = _read_model(folder)
    images = [image for image in model.images.values() if image.has_pose]
    names = _names_in_text(folder) if not (folder / "images.bin").is_file() else {}
    if not images:
        raise SagaError(
            f"{folder}: expected a COLMAP model with posed images, found none of them; give a finished reconstruction."
        )
    doubts = Doubts(folder)
    pinholes = {key: _pinhole(folder, camera) for key, camera in model.cameras.items()}
    cameras = [
        _camera(image, names.get(image.image_id, image.name), doubts, *pinholes[image.camera_id]) for image in images
    ]
    doubts.warn()
    return attach_photographs(cameras, photographs, folder)


def read_colmap_points(folder: str | Path) -> np.ndarray:  # [P, 3]
    """Returns the sparse points of the COLMAP model in `folder`, float64 [P, 3]; P may be 0.

    Raises:
        SagaError: the model is missing or damaged.
    """
    points = [point.xyz for point in _read_model(Path(folder)).points3D.values()]
    return np.asarray(points, np.float64).reshape(-1, 3)


def count_images(folder: Path) -> int:
    """Returns how many images a COLMAP model holds, without reading the rest of it; 0 when it is damaged."""
    binary = folder / "images.bin"
    try:
        if binary.is_file():
            return int.from_bytes(first_bytes(binary, 8), "little")
        return len(_names_in_text(folder))
    except (OSError, ValueError):
        return 0


def _read_model(folder: Path) -> Any:
    import PIL.Image  # noqa: F401, loads zlib before releases of pycolmap do that export one of their own
    import pycolmap  # takes 0.3 s to import, and scenes of other formats do without it

    with reading(folder, "a COLMAP model (cameras and images as .bin or .txt)", "export it again"):
        check_binary_model(folder)
        spoken = pycolmap.logging.minloglevel
        pycolmap.logging.minloglevel = pycolmap.logging.FATAL.value  # what it would print is in its exception
        try:
            with _with_points(folder) as whole:
                return pycolmap.Reconstruction(str(whole))
        finally:
            pycolmap.logging.minloglevel = spoken


@contextmanager
def _with_points(folder: Path) -> Iterator[Path]:
    """Yields a model's folder, or a copy with a file of no points where there is none, which COLMAP insists on."""
    suffix = ".bin" if (folder / "images.bin").is_file() else ".txt"
    if not is_colmap(folder) or (folder / f"points3D{suffix}").exists():
        yield folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("cameras", "images", "rigs", "frames"):
            if (folder / f"{name}{suffix}").is_file():
                shutil.copyfile(folder / f"{name}{suffix}", Path(scratch, f"{name}{suffix}"))
        Path(scratch, f"points3D{suffix}").write_bytes(bytes(8) if suffix == ".bin" else b"")
        yield Path(scratch)


def _pinhole(folder: Path, camera) -> tuple[dict[str, Any], LensModel | None]:  # type: ignore[no-untyped-def]
    """Intrinsics of the ideal pinhole, and the lens if the camera is not one already."""
    name = camera.model.name
    if name == "EQUIRECTANGULAR":
        raise SagaError(
            f"{folder}: camera {camera.camera_id} is {name}, a full sphere; "
            "cut its images into perspective views and give their model"
        )
    intrinsics = {
        "width": camera.width,
        "height": camera.height,
        "fx": camera.focal_length_x,
        "fy": camera.focal_length_y,
        "cx": camera.principal_point_x,
        "cy": camera.principal_point_y,
    }
    extra = camera.params[camera.extra_params_idxs()]
    if name in _PINHOLE or (name in _PERSPECTIVE and not np.any(extra)):
        return intrinsics, None
    return intrinsics, LensModel(name, camera.width, camera.height, tuple(map(float, camera.params)))


def _names_in_text(folder: Path) -> dict[int, str]:
    """Returns the names by their image numbers in an images.txt: COLMAP's own reader ends a name at its first space."""
    names = {}
    lines = iter((folder / "images.txt").read_text(encoding="utf-8", errors="surrogateescape").splitlines())
    for line in lines:
        parts = line.split(maxsplit=_NAME_COLUMN)
        if len(parts) <= _NAME_COLUMN or parts[0].startswith("#"):
            continue
        names[int(parts[0])] = parts[_NAME_COLUMN].rstrip()
        next(lines, None)  # the image's points
    return names


def _camera(  # type: ignore[no-untyped-def]
    image, name: str, doubts: Doubts, intrinsics: dict[str, Any], lens: LensModel | None
) -> Camera:
    transform = image.cam_from_world()
    length = float(np.linalg.norm(transform.rotation.quat))
    if length == 0 or not np.isfinite(transform.matrix()).all():
        raise SagaError(
            f"{doubts.source}: image {name}: expected a finite pose, found none; export the COLMAP model again"
        )
    if abs(length - 1) > _LENGTH_TOLERANCE:
        doubts.add(f"quaternions are scaled (by {length:.3g}), and are normalized", name)
    transform.rotation.normalize()  # COLMAP takes what is written
    pose = np.eye(4)
    pose[:3] = transform.matrix()
    return Camera(name=name, world_to_camera=pose, lens=lens, **intrinsics)
