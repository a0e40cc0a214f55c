"""Where the parts of a dataset are, and what is said when they are not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saga.errors import SagaError
from saga.masks import ClassicalGenerator, MaskCache, MaskSource, open_masks
from saga.masks.source import WrappedMasks
from saga.scene import Scene, load_scene

PHOTOGRAPH_FOLDERS = ("images", "rgb")
_PARENTS = ("", "scenes", "nerf_llff_data", "nerf_real_360")
_SUFFIXES = ("", "_undistort")
_SAM_LIKE = "masks_samlike"
CLASSICAL, OWN = "classical", "own"


@dataclass(frozen=True)
class DatasetPaths:
    """The folders of one dataset."""

    data: Path
    """The dataset."""
    scenes: Path | None = None
    """Trained scenes: `<scene>.ply`, or folders `<scene>` with scene.ply or point_cloud/iteration_*/; the photographs
    and cameras of a dataset that comes without them may be in such a folder too."""
    images: str | None = None
    """Name of the folder of photographs in a scene's folder; None takes images or rgb."""
    masks: str | None = None
    """Masks to train with: a folder's name in the scene's folder, "classical", or "own" for those that training makes
    of a scene by default; None takes masks_samlike when it is there, else "own"."""
    sam: str | None = None
    """Segment Anything checkpoint to make masks with, instead."""
    cache: Path | None = None
    """Where masks that are made are kept; beside the PLY by default."""
    device: str = "auto"
    """Where masks are made."""

    def folders(self, name: str) -> list[Path]:
        """Returns folders that may hold a scene's photographs, cameras and PLY, in the order they are looked at."""
        roots = [self.data / parent for parent in _PARENTS] + ([] if self.scenes is None else [self.scenes])
        return [root / f"{name}{suffix}" for root in roots for suffix in _SUFFIXES]

    def folder(self, name: str) -> Path:
        """Returns the folder of a scene's photographs. Raises SagaError that lists the folders looked at."""
        names = PHOTOGRAPH_FOLDERS if self.images is None else (self.images,)
        candidates = [folder / images for folder in self.folders(name) for images in names]
        return first(candidates, f"the photographs of {name}").parent

    def photographs(self, folder: Path) -> Path:
        """Returns the photographs in a scene's folder."""
        names = PHOTOGRAPH_FOLDERS if self.images is None else (self.images,)
        return first([folder / images for images in names], f"the photographs of {folder.name}")

    def ply(self, names: Sequence[str]) -> Path:
        """Returns the trained scene called one of `names`. Raises SagaError that lists the paths looked for."""
        folders = [folder for name in names for folder in self.folders(name)]
        candidates = [] if self.scenes is None else [self.scenes / f"{name}.ply" for name in names]
        if self.scenes is not None:
            folders = [self.scenes / name for name in names] + [f for f in folders if f.parent != self.scenes]
        for folder in folders:
            candidates += [folder / "scene.ply", *_newest(folder)]
        return first(
            candidates,
            f"the trained scene of {names[0]}",
            "train it with any Gaussian splatting trainer, and give the folder of trained scenes with --scenes",
        )

    def load(self, name: str) -> tuple[Scene, Path, float]:
        """Returns the scene, the folder of its photographs, and the seconds it took to read it. Raises SagaError."""
        folder = self.folder(name)
        ply = self.ply([name, folder.name])
        start = time.perf_counter()
        scene = load_scene(ply, self.photographs(folder))
        return scene, folder, time.perf_counter() - start

    def training_masks(self, scene: Scene, folder: Path, name: str) -> MaskSource:
        """Returns masks to train with, as `masks` and `sam` say; read or made when first asked for.

        Objects of the scene that given masks and a model's miss join them, as in training.
        """
        cache = (self.cache or folder) / f"{name}.masks"
        if self.sam is not None:
            return LazyMasks(lambda: open_masks(scene, None, self.sam, cache, self.device, join=True))
        if self.masks == CLASSICAL:
            return LazyMasks(lambda: _classical(scene, cache))
        given = folder / (self.masks or _SAM_LIKE)
        if given.is_dir():
            return LazyMasks(lambda: open_masks(scene, given, None, cache, self.device, join=True))
        if self.masks in (None, OWN):
            return LazyMasks(lambda: open_masks(scene, None, None, cache, self.device))
        raise SagaError(
            f"{given}: expected a folder of masks, found none there; give another --masks, or --masks {CLASSICAL}."
        )


class LazyMasks(WrappedMasks):
    """A MaskSource that is opened when it is first used: fields that were trained before need none."""

    def __init__(self, opened: Callable[[], MaskSource]) -> None:
        """Takes what opens the source."""
        self._opened = opened

    @cached_property
    def source(self) -> MaskSource:  # type: ignore[override]
        """The masks, opened now if they are not yet."""
        return self._opened()


def _classical(scene: Scene, cache: Path) -> MaskSource:
    store = MaskCache(cache, ClassicalGenerator())
    store.prepare(scene)
    return store


def first(candidates: Iterable[Path], what: str, advice: str = "give the folder of the dataset as published") -> Path:
    """Returns the first path that is there. Raises SagaError that lists them all."""
    candidates = list(dict.fromkeys(candidates))
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise SagaError(f"{what}: found none of {', '.join(map(str, candidates))}; {advice}.")
    return found


def subfolders(folder: Path, what: str, expected: str) -> list[str]:
    """Names of the folders in a folder. Raises SagaError when there are none."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    names = [name for name in names if not name.startswith((".", "_"))]
    if not names:
        raise SagaError(f"{folder}: {what}; expected {expected}.")
    return names


def _newest(folder: Path) -> list[Path]:
    """Returns point_cloud/iteration_*/point_cloud.ply, most iterations first; the pattern itself when there is none."""
    pattern = "point_cloud/iteration_*/point_cloud.ply"
    found = [path for path in folder.glob(pattern) if re.fullmatch(r"iteration_\d+", path.parent.name)]
    return sorted(found, key=lambda path: -int(path.parent.name.split("_")[1])) or [folder / pattern]
