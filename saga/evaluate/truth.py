"""True masks by view, in pixels of the photographs, read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.files.reading import reading
from saga.scene import Camera, Scene
from saga.scene.resizing import resize

TrueMasks = Mapping[str, np.ndarray]
"""View name -> bool [H, W] in pixels of the view's photograph, at the camera's size."""


class LabelMaps(Mapping[str, np.ndarray]):
    """Views whose pixels carry the number of their object: view name -> integer [H, W]."""

    def __init__(self, maps: Mapping[str, np.ndarray]) -> None:
        """Counts the pixels of every label in each of the maps, view name -> integer [H, W]."""
        self._maps = dict(maps)
        self._areas = {view: np.bincount(labels.ravel()) for view, labels in self._maps.items()}

    @staticmethod
    def read(scene: Scene, files: Iterable[tuple[str, Path]]) -> LabelMaps:
        """Label PNGs of some views (view, file). Raises SagaError for a bad file or a view the scene lacks."""
        maps = {}
        for view, path in files:
            camera = scene.camera(view)
            maps[camera.name] = fit(camera, read_picture(path), path)
        return LabelMaps(maps)

    def __getitem__(self, view: str) -> np.ndarray:
        """Returns the labels of a view, integer [H, W]."""
        return self._maps[view]

    def __iter__(self) -> Iterator[str]:
        """Iterates over the names of the views."""
        return iter(self._maps)

    def __len__(self) -> int:
        """Returns the number of views."""
        return len(self._maps)

    def labels(self) -> list[int]:
        """Returns every number that occurs, ascending."""
        present = {int(label) for areas in self._areas.values() for label in np.flatnonzero(areas)}
        return sorted(present)

    def masks(self, label: int, smallest: int = 1) -> LabelMasks:
        """Returns the masks of one object in the views that show at least `smallest` pixels of it."""
        areas = {view: int(each[label]) if label < len(each) else 0 for view, each in self._areas.items()}
        return LabelMasks(self, label, {view: area for view, area in areas.items() if area >= smallest})


class LabelMasks(Mapping[str, np.ndarray]):
    """The masks of one object of `LabelMaps`, made when asked for."""

    def __init__(self, maps: LabelMaps, label: int, areas: Mapping[str, int]) -> None:
        """Takes one label of `maps`; `areas` holds the views that show it, with its pixels in each."""
        self._maps, self._label, self._areas = maps, label, areas

    def __getitem__(self, view: str) -> np.ndarray:
        """Returns the object's mask in a view, bool [H, W]."""
        if view not in self._areas:
            raise KeyError(view)
        return np.asarray(self._maps[view] == self._label)

    def __iter__(self) -> Iterator[str]:
        """Iterates over the names of the views that show the object."""
        return iter(self._areas)

    def __len__(self) -> int:
        """Returns the number of views that show the object."""
        return len(self._areas)


def read_masks(scene: Scene, files: Iterable[tuple[str, Path]], smallest: int = 1) -> dict[str, np.ndarray]:
    """Returns binary masks (inside above half of the largest value) of some views, without those of fewer pixels."""
    masks = {}
    for view, path in files:
        camera = scene.camera(view)
        mask = fit(camera, read_binary(path), path)
        if np.count_nonzero(mask) >= smallest:
            masks[camera.name] = mask
    return masks


def read_binary(path: Path) -> np.ndarray:  # [H, W] bool
    """Returns a mask picture of any scale (0 / 1 or 0 / 255): inside above half of the type's usual maximum."""
    picture = read_picture(path)
    if picture.dtype == bool:
        return picture
    return np.asarray(picture > (127 if picture.max(initial=0) > 1 else 0))


def read_picture(path: Path) -> np.ndarray:  # [H, W]
    """A one-channel picture as stored (labels keep their numbers); color is turned into gray. Raises SagaError."""
    with reading(path, "a picture of a mask", "give a PNG"), Image.open(path) as image:
        if image.mode == "1":
            return np.asarray(image.convert("L")) > 0  # straight from Pillow, True would be stored as 255
        if image.mode in ("L", "P", "I", "I;16"):
            return np.asarray(image)
        return np.asarray(image.convert("L"))


def fit(
    camera: Camera,
    picture: np.ndarray,  # [H', W']
    path: Path,
) -> np.ndarray:  # [H, W]
    """Returns a mask or label picture, drawn on the photograph as it is on disk, at the camera's size.

    Raises SagaError when it has another aspect ratio than the photograph.
    """
    height, width = picture.shape
    off = abs(width * camera.height / (height * camera.width) - 1)
    if off > max(0.01, 1 / width, 1 / height):
        raise SagaError(
            f"{path}: the mask is {width}x{height} where the photograph {camera.name} is "
            f"{camera.width}x{camera.height}, another aspect ratio; give the masks of these photographs."
        )
    return resize(picture, camera.width, camera.height, order=0)
