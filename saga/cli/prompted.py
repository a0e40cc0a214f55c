"""Opening a scene for prompts: what it takes is loaded, or made where it is missing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from saga.cli.inputs import CameraInputs, MaskInputs
from saga.cli.places import require_file, require_folder
from saga.cli.run import beside, field_beside, require_writable, say
from saga.cli.views import write_views
from saga.config import either
from saga.errors import SagaError
from saga.methods.registry import method_names
from saga.train.config import TrainConfig

if TYPE_CHECKING:
    from saga.masks import MaskModel
    from saga.raster import DeviceScene
    from saga.regions import SceneRegions
    from saga.scene import Scene


def open_segmenter(
    scene: Path,
    field: Path | None,
    images: Path | None,
    cameras: CameraInputs,
    sam: MaskModel | None,
    config: Any,
    region: str | None = None,
) -> tuple[Scene, Any]:
    """Opens a scene with the features and regions beside it; without features, makes what a prompt takes.

    A scene with photographs is trained, as saga-train does it. One without gets regions only: they take seconds.

    Args:
        scene: The scene's file.
        field: Features of saga-train; None takes those beside the scene.
        images: Folder of the photographs; None takes those that the features were trained with.
        cameras: Where the cameras are.
        sam: Answers prompts; needs features.
        config: The config of queries.
        region: The part of the scene that is asked, as `TrainConfig.region`; None for all of it.

    Returns:
        The scene and a Segmenter.

    Raises:
        SagaError: A file is missing, damaged or of another scene.
    """
    from saga.cli.train import train_opened
    from saga.export.views import has_photographs
    from saga.methods.saga import Segmenter
    from saga.raster import DeviceScene
    from saga.scene import Gaussians, Scene
    from saga.train import FeatureField

    path, device = field or field_beside(scene, region), cameras.choose_device()
    if field is None and sam is None and scene.is_file() and not path.is_file():
        require_file("train", path)
        loaded = cameras.load(scene, images)
        if region is None and not has_photographs(loaded):
            say(f"{scene}: no photographs and no {path}: regions of the scene answer; saga-train makes features too")
            placed = DeviceScene(loaded, device)
            return loaded, Segmenter(placed, None, config, regions=_regions(placed, path, make=True))
        say(f"{path}: not there yet; it is made now, as saga-train makes it, and serves every further click")
        train_opened(loaded, path, cameras, MaskInputs(), TrainConfig(region=region))
    if cameras.cameras is None and images is None:
        gaussians, trained = Gaussians.read(scene), FeatureField.load(path)
        loaded = Scene(gaussians, trained.cameras, scene)
    else:
        loaded, trained = cameras.load(scene, images, views=0), FeatureField.load(path)
    placed = DeviceScene(loaded, device)
    return loaded, Segmenter(placed, trained, config, sam=sam, regions=_regions(placed, path))


def open_other(
    method: str, scene: Path, images: Path | None, cameras: CameraInputs, masks: MaskInputs, config: Any
) -> tuple[Scene, Any]:
    """Opens a scene, and a method on it that needs masks; without masks or SAM, masks are made.

    Raises:
        SagaError: Masks and SAM are given, or as the loaders and the method raise it.
    """
    from saga.methods.registry import open_method

    if masks.masks is not None and masks.sam is not None:
        raise SagaError(f"--masks and --sam: expected one of them, found {masks.masks} and {masks.sam}; leave one out.")
    device = cameras.choose_device()
    loaded = cameras.load(scene, images)
    sam = masks.load_sam(device)
    source = None if sam is not None else masks.open(loaded, device)
    return loaded, open_method(method, loaded, config, masks=source, sam=sam, device=device)


def require_discovery(method: str) -> None:
    """Raises SagaError for a method that finds no objects without a prompt."""
    from saga.methods.registry import method_class

    if not hasattr(method_class(method), "discover"):
        able = [name for name in method_names() if hasattr(method_class(name), "discover")]
        raise SagaError(f"--method: expected {either(able)}, found {method!r}; the others need a prompt.")


def require_fill(fill: bool, inpainter: str, keep_shadow: bool) -> None:
    """Raises SagaError when there is no such inpainter, or when nothing is filled: known before the work."""
    if not fill and inpainter != "patches":
        raise SagaError(f"--inpainter: expected --fill beside it, found {inpainter!r} alone; give both, or none.")
    if not fill and keep_shadow:
        raise SagaError("--keep-shadow: expected --fill beside it, found it alone; give both, or none.")
    if fill:
        from saga.filling.inpainting import inpainter_by_name

        inpainter_by_name(inpainter)


def show_views(scene: Path, images: Path | None, cameras: CameraInputs) -> NoReturn:
    """Writes pictures of all views with coordinates. Raises SagaError, which says how to go on with them."""
    folder = beside(scene, "_grid")
    require_folder("views", folder)
    loaded = cameras.load(scene, images)
    listed, example = write_views(loaded, folder, cameras.choose_device())
    raise SagaError(
        f"--view: expected the view that is prompted, found none; look at the pictures in {folder}, then give one of "
        f"{listed} and coordinates on the object, e.g. {shlex.join(example)}."
    )


def _regions(placed: DeviceScene, field: Path, make: bool = False) -> SceneRegions | Literal[False]:
    """The regions beside a field, made again where they are of no use, and with `make` where they are missing."""
    from saga.regions.beside import regions_beside
    from saga.regions.scene_regions import SUFFIX

    found, path = regions_beside(placed, field), field.with_suffix(SUFFIX)
    if found is None and make and not path.is_file():
        from saga.cli.train import write_regions
        from saga.masks import scene_generator

        require_writable(path)
        found = write_regions(placed, scene_generator(placed), field, str(placed.device))
    return found or False
