"""Where the cameras of a scene may be, and which reader takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from saga.errors import NoCamerasError, SagaError
from saga.scene.camera import Camera
from saga.scene.colmap import is_colmap, read_colmap
from saga.scene.image_folder import ImageFolder
from saga.scene.inria import inria_image_folder, read_inria
from saga.scene.json_file import read_json
from saga.scene.nerfstudio import read_nerfstudio

# In this order in every folder. A dataset that nerfstudio made from COLMAP holds both; its transforms.json is
# what it trained from. COLMAP has the exact intrinsics where cameras.json has lost the principal point.
_COLMAP_FOLDERS = ("sparse/0", "sparse", "")
_TRANSFORMS = ("transforms.json", "transforms_train.json")
_LATER_COLMAP = "colmap/sparse/0"
_INRIA = "cameras.json"
_EXPECTED = "a COLMAP sparse/0 folder, a nerfstudio transforms.json or a cameras.json of the INRIA trainer"


@dataclass(frozen=True)
class CameraSource:
    """A file or folder of cameras."""

    kind: Literal["colmap", "nerfstudio", "inria"]
    """Which reader takes it."""
    path: Path
    """The JSON file, or the folder of a COLMAP model."""

    def read(self, photographs: ImageFolder | None) -> list[Camera]:
        """Returns the cameras, sorted by name, with their photographs where found. Raises SagaError."""
        readers = {"colmap": read_colmap, "nerfstudio": read_nerfstudio, "inria": read_inria}
        return readers[self.kind](self.path, photographs)

    def image_folder(self) -> Path | None:
        """Returns the folder of photographs that goes with the cameras by convention, if it is there.

        None for nerfstudio, where every frame names its own file.
        """
        if self.kind == "nerfstudio":
            return None
        named = inria_image_folder(self.path) if self.kind == "inria" else None
        parents = list(self.path.parents)[: 3 if self.kind == "colmap" else 1]
        folders = [named] if named else [parent / "images" for parent in (self.path, *parents)]
        return next((folder for folder in folders if folder.is_dir()), None)


def find_cameras(ply: Path, images: Path | None, cameras: Path | None) -> CameraSource:
    """Returns the cameras of `ply`: those at `cameras` when given, else the first found near `images` and `ply`.

    Searched are the folder of the images and its parent, then the folder of the PLY and two above it (the
    layouts point_cloud/iteration_N/ of the INRIA trainer and exports/splat/ of nerfstudio).
    Raises NoCamerasError that lists the places when there is nothing, SagaError for files of something else.
    """
    if cameras is not None and not cameras.exists():
        raise SagaError(f"{cameras}: no such file or folder; give {_EXPECTED}")
    if cameras is not None and cameras.is_file():
        return _from_file(cameras)
    folders = [cameras] if cameras is not None else search_folders(ply, images)
    for folder in folders:
        source = _in_folder(folder)
        if source is not None:
            return source
    names = ", ".join([*filter(None, _COLMAP_FOLDERS), *_TRANSFORMS, _LATER_COLMAP, _INRIA])
    places = ", ".join(str(folder) for folder in folders)
    raise NoCamerasError(f"{ply}: no cameras found; looked for {names} in {places}; name their file or folder")


def search_folders(ply: Path, images: Path | None) -> list[Path]:
    """Returns the folders to search for cameras, nearest first."""
    near_images = [] if images is None else [images, images.absolute().parent]
    near_ply = list(ply.absolute().parents)[:3]
    return list({folder.absolute(): folder for folder in (*near_images, *near_ply)}.values())


def _in_folder(folder: Path) -> CameraSource | None:
    for name in _COLMAP_FOLDERS:
        if is_colmap(folder / name):
            return CameraSource("colmap", folder / name)
    for name in _TRANSFORMS:
        if (folder / name).is_file():
            return CameraSource("nerfstudio", folder / name)
    if is_colmap(folder / _LATER_COLMAP):
        return CameraSource("colmap", folder / _LATER_COLMAP)
    return CameraSource("inria", folder / _INRIA) if (folder / _INRIA).is_file() else None


def _from_file(path: Path) -> CameraSource:
    if path.suffix.lower() == ".json":
        contents = read_json(path)
        if isinstance(contents, dict) and "frames" in contents:
            return CameraSource("nerfstudio", path)
        if isinstance(contents, list) and _has_keys(contents, ("img_name", "rotation")):
            return CameraSource("inria", path)
    elif is_colmap(path.parent):
        return CameraSource("colmap", path.parent)
    raise SagaError(f"{path}: not a file of cameras; give {_EXPECTED}")


def _has_keys(entries: Iterable[object], keys: tuple[str, ...]) -> bool:
    return any(isinstance(entry, dict) and all(key in entry for key in keys) for entry in entries)
