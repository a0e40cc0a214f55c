"""The regions in the file beside a scene or its features, made again where the file is of no use."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from saga.errors import SagaError
from saga.raster.device_scene import DeviceScene
from saga.regions.scene_regions import SUFFIX, SceneRegions
from saga.scene import Scene

if TYPE_CHECKING:
    from saga.masks import MaskSource


def regions_beside(placed: DeviceScene, field: Path | None = None, progress: bool = True) -> SceneRegions | None:
    """Returns the regions that saga-train wrote beside features or a scene; None where there are none.

    Regions that are damaged, of an older format or of another scene are made again, which a warning says.

    Args:
        placed: the scene on a device.
        field: the file of features that the regions lie beside, or else beside the scene; None looks there alone.
        progress: whether making them again shows a bar on standard error.
    """
    paths = [each.with_suffix(SUFFIX) for each in (field, placed.scene.path) if each is not None]
    path = next((each for each in paths if each.is_file()), None)
    if path is None:
        return None
    try:
        return usable_regions(path, placed.scene) or made_regions(placed, path, progress)
    except SagaError as error:
        warnings.warn(f"no regions, so a prompt has one answer: {error}", stacklevel=2)
        return None


def usable_regions(path: Path, scene: Scene) -> SceneRegions | None:
    """Returns the regions in a file; None where there is none, or one of no use, which a warning says.

    Raises:
        SagaError: there is a file that may not be read; it may be fine, and is not to be replaced.
    """
    if not path.is_file():
        return None
    try:
        return SceneRegions.load(path, scene, "they are made again now")
    except SagaError as error:
        if isinstance(error.__cause__, PermissionError):
            raise SagaError(
                f"{path}: expected regions that may be read, found others ({error.__cause__.strerror}); change that, "
                "or delete them."
            ) from error
        warnings.warn(str(error), stacklevel=3)
        return None


def made_regions(
    placed: DeviceScene, path: Path, progress: bool = True, masks: MaskSource | None = None
) -> SceneRegions:
    """Makes the regions of a scene, from the scene alone or with masks, and writes them to a file.

    Where it cannot be written, which a warning says, they serve as long as the program runs.

    Args:
        placed: the scene on a device, which was read from a file.
        path: the file.
        progress: whether to show a bar on standard error.
        masks: masks of its views; those that a person or a model gave say which regions are things.

    Raises:
        SagaError: no cameras, an unreadable photograph, or nothing that two views see.
    """
    from saga.masks.open import scene_generator  # seldom needed, and slow to load
    from saga.masks.own import are_given, generator_of
    from saga.regions import build_regions

    own = scene_generator(placed) if masks is None else generator_of(masks)
    structure, surface = (None, None) if own is None else (own.structure(progress), own.surface)
    given = masks if masks is not None and are_given(masks) else None
    found = build_regions(placed, structure=structure, surface=surface, progress=progress, masks=given)
    try:
        found.save(path)
    except SagaError as error:
        warnings.warn(f"{error} The regions serve as long as the program runs.", stacklevel=3)
    return found
