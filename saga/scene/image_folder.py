"""Finding the photograph of a view in a folder, and naming the views."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.names import IMAGE_SUFFIXES, comparable, tails, without_suffix


class ImageFolder:
    """The photographs below a folder, found by path, by file name or by name without suffix."""

    def __init__(self, root: str | Path) -> None:
        """List the photographs below `root`; hidden files and folders are passed over.

        Raises SagaError when `root` is missing, is no folder or holds no photographs.
        """
        self.root = Path(root)
        if not self.root.is_dir():
            found = "is a file" if self.root.exists() else "does not exist"
            raise SagaError(f"{self.root}: {found}; give the folder of the scene's photographs")
        self.names: list[str] = sorted(self._walk())
        """Paths of the photographs relative to `root`, "/" between folders."""
        if not self.names:
            raise SagaError(
                f"{self.root}: holds no photographs ({', '.join(IMAGE_SUFFIXES)}); "
                "give the folder of the scene's photographs"
            )
        self._by_path = {comparable(name): name for name in self.names}
        self._by_key: dict[str, set[str]] = defaultdict(set)
        for path, name in self._by_path.items():
            file = PurePosixPath(path).name
            for key in (path, without_suffix(path), file, without_suffix(file)):
                self._by_key[key].add(name)

    def _walk(self) -> Iterable[str]:
        for folder, subfolders, files in os.walk(self.root, followlinks=True):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            for file in files:
                if file.lower().endswith(IMAGE_SUFFIXES) and not file.startswith("."):
                    yield Path(folder, file).relative_to(self.root).as_posix()

    def find(self, name: str) -> str | None:
        """Returns the photograph that a camera file calls `name`, as in `names`, or None.

        Tried in turn: the path, the path without some of its leading folders, the file name; then the same
        without the suffix. A key that several photographs share finds none of them. Accents may be stored composed or
        decomposed.
        """
        asked = comparable(name)
        for key in (*tails(asked), *map(without_suffix, tails(asked))):
            if key in self._by_path:
                return self._by_path[key]
            found = self._by_key.get(key, set())
            if len(found) == 1:
                return next(iter(found))
        return None


def attach_photographs(
    cameras: list[Camera],
    folder: ImageFolder | None,
    source: Path,
) -> list[Camera]:
    """Give cameras their photographs in `folder`, then their final names; sorted by name.

    `cameras` come with the names that the camera file `source` uses. A photograph found in `folder` replaces
    the camera's name and `image_path`; folders that all names share are taken off the names. Raises
    SagaError when two cameras end up with one name, or a camera's intrinsics make no picture.
    """
    for camera in cameras:
        _check_intrinsics(camera, source)
    if folder is not None:
        cameras = [_attach(camera, folder) for camera in cameras]
    shared = os.path.commonprefix([PurePosixPath(camera.name).parent.parts for camera in cameras])
    named: dict[str, Camera] = {}
    for camera in cameras:
        name = str(PurePosixPath(*PurePosixPath(camera.name).parts[len(shared) :]))
        if name in named:
            raise SagaError(
                f"{source}: two cameras belong to the photograph {name}; a photograph must have one camera, "
                "and photographs of several folders must keep the folder in their names"
            )
        named[name] = replace(camera, name=name)
    return [named[name] for name in sorted(named)]


def _check_intrinsics(camera: Camera, source: Path) -> None:
    if not camera.plausible:
        raise SagaError(
            f"{source}: camera {camera.name} has size {camera.width}x{camera.height}, focal lengths "
            f"{camera.fx:g}, {camera.fy:g} and center {camera.cx:g}, {camera.cy:g}; expected positive "
            "numbers that a lens can have, write the cameras again"
        )


def _attach(camera: Camera, folder: ImageFolder) -> Camera:
    found = folder.find(camera.name)
    return camera if found is None else replace(camera, name=found, image_path=folder.root / found)
