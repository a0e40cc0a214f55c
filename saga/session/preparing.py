"""What prompts need of a scene: opened where it lies beside the scene, or made."""

from __future__ import annotations

from typing import Any

from saga.errors import SagaError
from saga.export.views import has_photographs
from saga.masks import MaskSource, open_masks
from saga.methods import Segmenter
from saga.methods.base import Method
from saga.methods.registry import method_class, open_method
from saga.raster import DeviceScene
from saga.regions.beside import made_regions, regions_beside
from saga.regions.scene_regions import SUFFIX
from saga.train import FeatureField, TrainConfig, train

FIELD_SUFFIX = ".saga"


def open_beside(placed: DeviceScene, field: FeatureField | None = None) -> Segmenter | None:
    """Opens the segmenter of the features and regions in the files beside a scene; None where there are neither.

    Args:
        placed: the scene on a device.
        field: features, instead of those in the file.

    Regions that are of no use are made again, which a warning says.

    Raises:
        SagaError: the file of features is damaged or another scene's.
    """
    path = None if placed.scene.path is None else placed.scene.path.with_suffix(FIELD_SUFFIX)
    if field is None and path is not None and path.is_file():
        field = FeatureField.load(path, placed.scene)
    regions = regions_beside(placed, progress=False)
    if field is None and regions is None:
        return None
    return Segmenter(placed, field, regions=regions or False)


def what_is_missing(method: Method[Any] | None) -> tuple[str, ...]:
    """Returns which of "features" and "regions" the segmenter of a scene lacks, that could be made."""
    if method is None:
        return "features", "regions"
    if not isinstance(method, Segmenter):
        return ()
    known = {"features": method.field, "regions": method.regions}
    return tuple(name for name, value in known.items() if value is None)


def prepare(
    placed: DeviceScene,
    masks: MaskSource | None = None,
    config: TrainConfig | None = None,
    features: bool = True,
    field: FeatureField | None = None,
    anew: bool = False,
) -> Segmenter:
    """Makes features and regions of a scene, as saga-train does, and writes them beside it; what is there is taken.

    A scene without photographs gets regions alone. `saga.runtime.progress.watched` tells of the progress and may end
    the work, which then goes on from its checkpoint next time.

    Args:
        placed: the scene on a device.
        masks: masks to train with; those that the scene gives itself by default.
        config: of the training.
        features: whether features are made too.
        field: features, instead of those in the file beside the scene.
        anew: whether features and regions that are there are made again, and replaced once the new ones are whole.

    Raises:
        SagaError: the scene was not read from a file, has no cameras, or a file cannot be read or written.
        KeyboardInterrupt: the work was cancelled.
    """
    scene = placed.scene
    if scene.path is None:
        raise SagaError("features: expected a scene that was read from a file, beside which they lie; write it first.")
    there = None if anew else open_beside(placed, field)
    field, regions = (None, None) if there is None else (there.field, there.regions)
    target, device = scene.path.with_suffix(FIELD_SUFFIX), str(placed.device)
    if field is None and features and (masks is not None or has_photographs(scene)):
        masks = open_masks(placed, device=device, progress=False) if masks is None else masks
        checkpoint = target.with_name(f"{target.name}.checkpoint")
        field = train(scene, masks, config or TrainConfig(), device, checkpoint, progress=False)
        field.save(target)
    if regions is None:
        regions = made_regions(placed, scene.path.with_suffix(SUFFIX), False, masks)
    return Segmenter(placed, field, regions=regions)


def open_named(name: str, session_method: Method[Any] | None, placed: DeviceScene) -> Method[Any]:
    """Opens a method by its name on a scene, with the features, masks and regions of the one in use.

    Raises:
        SagaError: an unknown name, or something is missing that the method needs.
    """
    if name == "saga":
        opened = open_beside(placed)
        if opened is None:
            raise SagaError("saga: expected features or regions of the scene, found neither; make them first.")
        return opened
    used = session_method
    field = None if used is None or not method_class(name).needs_field else used.field
    masks, sam = (None, None) if used is None else (used.masks, used.sam)
    return open_method(name, placed, masks=masks, sam=sam, field=field, progress=False)
