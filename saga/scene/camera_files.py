"""Where the cameras of a scene may be, and which reader takes them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import NoCamerasError, SagaError
from saga.files.reading import reading
from saga.scene.camera import Camera
from saga.scene.colmap import count_images, is_colmap, read_colmap
from saga.scene.image_folder import ImageFolder
from saga.scene.inria import inria_image_folder, read_inria
from saga.scene.json_file import read_json
from saga.scene.llff import read_llff
from saga.scene.metashape import is_metashape, read_metashape
from saga.scene.nerfstudio import read_nerfstudio
from saga.scene.polycam import is_polycam, read_polycam
from saga.scene.reality_capture import is_reality_capture, read_reality_capture
from saga.scene.record3d import is_record3d, read_record3d
from saga.scene.sub_models import choose_sub_model

Read = Callable[[Path, ImageFolder | None], list[Camera]]


@dataclass(frozen=True)
class CameraFormat:
    """A format of camera files: a new one is a file in this folder and a line in `FORMATS`."""

    kind: str
    """What the program calls it."""
    what: str
    """What people call it."""
    read: Read
    """Turns the file, or folder, into cameras sorted by name, with their photographs where found. Raises SagaError."""
    places: tuple[str, ...]
    """Where it lies below a folder that is searched; "*" stands for any name."""
    is_one: Callable[[Path], bool]
    """Whether a file or folder that is there is one."""
    photographs: tuple[str, ...] = ("images",)
    """Folders of photographs by convention, from the file's folder on."""
    contains: Callable[[Any], bool] | None = None
    """Whether the contents of a JSON file are of this format."""


def _named(path: Path) -> bool:
    return path.is_file()


def _json(recognize: Callable[[Any], bool]) -> Callable[[Path], bool]:
    def is_one(path: Path) -> bool:
        if not path.is_file():
            return False
        try:
            return recognize(read_json(path))
        except SagaError:  # of something else that has a common name
            return False

    return is_one


def _has_keys(keys: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda contents: (
        isinstance(contents, list)
        and any(isinstance(entry, dict) and all(key in entry for key in keys) for entry in contents)
    )


def _has_frames(contents: Any) -> bool:
    return isinstance(contents, dict) and "frames" in contents


def _is_polycam_folder(path: Path) -> bool:
    first = next(iter(sorted(path.glob("*.json"))), None) if path.is_dir() else None
    return first is not None and _json(is_polycam)(first)


_ABOVE = ("images", "../images", "../../images", "../../../images")

# In this order in every folder. A dataset that nerfstudio made from COLMAP holds both; its transforms.json is
# what it trained from. COLMAP has the exact intrinsics where cameras.json has lost the principal point, and so have
# nearly all files that other tools wrote before.
FORMATS = (
    CameraFormat("colmap", "a COLMAP sparse/0 folder", read_colmap, ("sparse/0", "sparse/*", "sparse", "", "*"),
                 is_colmap, _ABOVE),
    CameraFormat("nerfstudio", "a nerfstudio transforms.json", read_nerfstudio,
                 ("transforms.json", "transforms_train.json"), _named, (), _has_frames),
    CameraFormat("colmap", "a COLMAP folder", read_colmap, ("colmap/sparse/0", "colmap/sparse/*"), is_colmap, _ABOVE),
    CameraFormat("inria", "a cameras.json of the INRIA trainer", read_inria, ("cameras.json",), _named, ("images",),
                 _has_keys(("img_name", "rotation"))),
    CameraFormat("llff", "LLFF's poses_bounds.npy", read_llff, ("poses_bounds.npy",), _named),
    CameraFormat("polycam", "Polycam's keyframes", read_polycam,
                 ("keyframes/corrected_cameras", "keyframes/cameras", "corrected_cameras", "cameras", ""),
                 _is_polycam_folder, ("../corrected_images", "../images"), is_polycam),
    CameraFormat("record3d", "Record3D's metadata.json", read_record3d, ("EXR_RGBD/metadata.json", "metadata.json"),
                 _json(is_record3d), ("rgb", "rgbd", "images"), is_record3d),
    CameraFormat("metashape", "Metashape's XML", read_metashape, ("*.xml",), is_metashape),
    CameraFormat("realitycapture", "RealityCapture's CSV", read_reality_capture, ("*.csv",), is_reality_capture),
)  # fmt: skip
"""The formats, in the order in which they are looked for."""
_KNOWN = ", ".join(dict.fromkeys(format.what for format in FORMATS if format.what != "a COLMAP folder"))

_LARGEST_SIDE = 1 << 20
"""Pixels: no camera makes larger pictures."""


@dataclass(frozen=True)
class CameraSource:
    """A file or folder of cameras."""

    format: CameraFormat
    """Which reader takes it."""
    path: Path
    """The file, or the folder of a COLMAP model."""
    images: Path | None = None
    """The folder of photographs that a person gave, for formats that name cameras after them."""

    @property
    def kind(self) -> str:
        """What the program calls the format."""
        return self.format.kind

    def read(self, photographs: ImageFolder | None) -> list[Camera]:
        """Returns the cameras, sorted by name, with their photographs where found. Raises SagaError."""
        if photographs is None and self.kind in ("llff", "realitycapture"):  # nothing without photographs
            folder = self.images or self.image_folder()
            photographs = None if folder is None else ImageFolder(folder)
        with reading(self.path, f"cameras ({self.kind})", "write the cameras again"):
            cameras = self.format.read(self.path, photographs)
            for camera in cameras:
                _check(camera, self.path)
            return cameras

    def image_folder(self) -> Path | None:
        """Returns the folder of photographs that goes with the cameras by convention, if it is there.

        None for nerfstudio, where every frame names its own file.
        """
        named = inria_image_folder(self.path) if self.kind == "inria" else None
        base = self.path if self.path.is_dir() else self.path.parent
        folders = [named] if named else [Path(os.path.normpath(base / name)) for name in self.format.photographs]
        return next((folder for folder in folders if folder.is_dir()), None)


def find_cameras(
    ply: Path,
    images: Path | None,
    cameras: Path | None,
    means: np.ndarray | None = None,  # [N, 3]
) -> CameraSource:
    """Returns the cameras of `ply`: those at `cameras` when given, else the first found near `images` and `ply`.

    Searched are the folder of the images and its parent, then the folder of the PLY and two above it (the
    layouts point_cloud/iteration_N/ of the INRIA trainer and exports/splat/ of nerfstudio). Of several COLMAP models
    beside each other the largest is taken that fits the Gaussians' centers `means`, and that is said.

    Raises:
        NoCamerasError: there is nothing; it lists the places.
        SagaError: the files are of something else.
    """
    if cameras is not None and not cameras.exists():
        raise SagaError(f"{cameras}: no such file or folder; give {_KNOWN}")
    if cameras is not None and cameras.is_file():
        return CameraSource(*_from_file(cameras), images)
    folders = [cameras] if cameras is not None else search_folders(ply, images)
    for folder in folders:
        found = _in_folder(folder, given=cameras is not None)
        if found is not None:
            format, paths = found
            return CameraSource(format, _one_of(paths, means), images)
    names = ", ".join(dict.fromkeys(place for format in FORMATS for place in format.places if len(place) > 1))
    places = ", ".join(str(folder) for folder in folders)
    raise NoCamerasError(f"{ply}: no cameras found; looked for {names} in {places}; name their file or folder")


def cameras_near(ply: Path, images: Path | None) -> Path | None:
    """Returns the file or folder that `find_cameras` would find without being told of any; None where there is none.

    Nothing is read but what tells one format from another. Of several models beside each other, it is their folder.
    """
    for folder in search_folders(ply, images):
        found = _in_folder(folder, given=False)
        if found is not None:
            paths = found[1]
            return paths[0] if len(paths) == 1 else paths[0].parent
    return None


def search_folders(ply: Path, images: Path | None) -> list[Path]:
    """Returns the folders to search for cameras, nearest first."""
    near_images = [] if images is None else [images, images.absolute().parent]
    near_ply = list(ply.absolute().parents)[:3]
    return list({folder.absolute(): folder for folder in (*near_images, *near_ply)}.values())


def _check(camera: Camera, source: Path) -> None:
    """Raises SagaError for a camera that no picture can be made with."""
    if not np.isfinite(camera.world_to_camera).all() or max(camera.width, camera.height) > _LARGEST_SIDE:
        raise SagaError(
            f"{source}: expected a finite pose and at most {_LARGEST_SIDE} pixels a side, found another camera for "
            f"{camera.name} ({camera.width}x{camera.height} pixels); write the cameras again."
        )
    if camera.lens is not None and not np.isfinite(camera.lens.params).all():
        raise SagaError(
            f"{source}: expected a lens of finite numbers, found {camera.lens.params} for {camera.name}; "
            "write the cameras again."
        )


def _in_folder(folder: Path, given: bool) -> tuple[CameraFormat, list[Path]] | None:
    """Returns the first format that lies in a folder, and where; several only for models beside each other."""
    for format in FORMATS:
        for place in format.places:
            if place == "*" and not given:  # the folder sparse itself, when a person gives it
                continue
            paths = sorted(folder.glob(place)) if "*" in place else [folder / place]
            found = [path for path in paths if path.exists() and format.is_one(path)]
            if found and place.endswith("/0"):  # and those beside it
                found = sorted(path for path in found[0].parent.iterdir() if format.is_one(path))
            if found:
                return format, found
    return None


def _one_of(paths: Sequence[Path], means: np.ndarray | None) -> Path:
    if len(paths) == 1:
        return paths[0]
    if not paths[0].is_dir():
        names = ", ".join(path.name for path in paths)
        raise SagaError(f"{paths[0].parent}: expected one file of cameras, found {names}; name the one to take")
    chosen, why = choose_sub_model(paths, means)
    sizes = ", ".join(f"{path.name} ({count_images(path)} images)" for path in paths)
    warnings.warn(f"{paths[0].parent}: of the COLMAP models {sizes}, {chosen.name} is taken: {why}", stacklevel=1)
    return chosen


def _from_file(path: Path) -> tuple[CameraFormat, Path]:
    suffix = path.suffix.lower()
    contents = read_json(path) if suffix == ".json" else None
    for format in FORMATS:
        if suffix == ".json":
            if format.contains is not None and format.contains(contents):
                return format, path.parent if format.is_one is _is_polycam_folder else path
        elif format.is_one is is_colmap and is_colmap(path.parent):
            return format, path.parent
        elif any(Path(place).suffix == suffix for place in format.places if "." in place) and format.is_one(path):
            return format, path
    raise SagaError(f"{path}: not a file of cameras; give {_KNOWN}")
