"""The masks of a scene by what a person gave: a folder, a mask model, or nothing."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from saga.errors import SagaError
from saga.masks.cache import MaskCache
from saga.masks.classical import ClassicalGenerator
from saga.masks.config import MaskKind
from saga.masks.folder import FolderMasks
from saga.masks.joined import JoinedMasks, MissedObjects, missed_objects
from saga.masks.models.announcing import announce, announce_unknown
from saga.masks.models.generator import ModelGenerator
from saga.masks.models.resolve import resolve_model
from saga.masks.propagation.opening import propagated_generator
from saga.masks.scene.generator import SceneGenerator
from saga.masks.source import MaskGenerator, MaskSource, ViewGenerator
from saga.raster import DeviceScene
from saga.scene.scene import Scene


def open_masks(
    scene: Scene | DeviceScene,
    masks: str | Path | None = None,
    sam: str | Path | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    progress: bool = True,
    kind: MaskKind = "auto",
    join: bool = False,
    say: Callable[[str], None] | None = None,
    propagate: bool = False,
) -> MaskSource:
    """Return the masks of a scene, made where they are missing; `description` says in one line which they are.

    Args:
        scene: the scene, with photographs where masks have to be made.
        masks: a folder of a person's own masks.
        sam: a mask model: a short name, an id of the hub, a folder or a file (`resolve_model`). With neither `masks`
            nor `sam` the scene's own supports and what stands on them serve, or, where nothing supports anything, a
            classical segmentation of each photograph.
        cache: the folder where masks that are made are kept. None takes `<scene>.masks` beside the PLY; where that
            cannot be written, a folder of the user's own cache, which a warning names.
        device: where a model runs, and where a scene that is on no device yet is rendered: "auto", "cpu" or a CUDA
            device.
        progress: whether to show a bar on standard error.
        kind: what gray levels in pictures of a person's own masks are, see `FolderMasks`.
        join: whether objects that the scene's geometry shows join `masks`, or those of `sam`, where these miss them.
        say: is told, in one line, how long a model is going to take; None measures nothing.
        propagate: whether a video model, which `sam` then has to be, carries masks of a few photographs to all others,
            so that a thing has one id in all views.

    Raises:
        SagaError: masks and a model are given, or as `FolderMasks`, `resolve_model` and
            `MaskCache.prepare` do.
    """
    if propagate and sam is None:
        raise SagaError("--propagate: expected a video model with it, found none; give one, e.g. --sam sam2-tiny.")
    if masks is not None and sam is not None:
        raise SagaError(f"{masks}: masks were given and a mask model ({sam}) too; give one of them")
    placed = DeviceScene.of(scene, device)
    scene = placed.scene
    if masks is not None:
        own_masks = FolderMasks(masks, scene.cameras, kind)
        return joined(placed, own_masks, cache, progress=progress) if join else own_masks
    folders = mask_folders(scene) if cache is None else [Path(cache)]
    if sam is not None and not propagate:
        announce_unknown(scene, sam, device, say)
    made = _filled(scene, _generator(placed, sam, folders, device, progress, propagate, say), folders, progress, say)
    return joined(placed, made, cache, progress=progress) if join and sam is not None else made


def make_masks(
    scene: Scene,
    share: tuple[int, int] = (0, 1),
    sam: str | Path | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    progress: bool = True,
    propagate: bool = False,
) -> int:
    """Make the masks of some of the views, as `open_masks` makes those of all; return the number of these views.

    So several processes, or machines, share the views of one scene: `open_masks` finds all of them made.

    Args:
        scene: the scene, with photographs.
        share: k and n: of every n views the k-th, from 0.
        sam: as `open_masks` has it, and so all below.
        cache: the folder, shared by all.
        device: where a model runs.
        progress: whether to show a bar.
        propagate: whether a video model carries masks from view to view; all views are tracked then.

    Raises:
        SagaError: as `open_masks`.
    """
    folders = mask_folders(scene) if cache is None else [Path(cache)]
    part = Scene(scene.gaussians, scene.cameras[share[0] :: share[1]], scene.path)
    _filled(part, _generator(DeviceScene(scene, device), sam, folders, device, progress, propagate), folders, progress)
    return len(part.cameras)


def _generator(
    scene: DeviceScene,
    sam: str | Path | None,
    folders: Sequence[Path],
    device: str,
    progress: bool,
    propagate: bool,
    say: Callable[[str], None] | None = None,
) -> MaskGenerator | ViewGenerator:
    """Returns what makes the masks where none are given: a model, the scene itself, or colors and textures."""
    if sam is not None and propagate:
        model = resolve_model(sam)
        images = ModelGenerator(model, device)
        return propagated_generator(scene, images, model.path, folders, device, progress, say=say)
    if sam is not None:
        return ModelGenerator(resolve_model(sam), device)
    own = SceneGenerator(scene, folders)
    return own if own.structure(progress).found else ClassicalGenerator()


def joined(
    scene: Scene | DeviceScene,
    given: MaskSource,
    cache: str | Path | None = None,
    device: str = "auto",
    progress: bool = True,
) -> MaskSource:
    """Return masks that were given, joined by those of objects of the scene's geometry that they miss.

    Where they miss none, or nothing supports anything in the scene, they are returned as they are.

    Args:
        scene: the scene, with photographs.
        given: masks of its views.
        cache: as `open_masks` has it.
        device: where the scene is rendered; without effect when it is on a device already.
        progress: as `open_masks` has it.

    Raises:
        SagaError: a photograph or masks cannot be read, or a file cannot be written.
    """
    placed = DeviceScene.of(scene, device)
    folders = mask_folders(placed.scene) if cache is None else [Path(cache)]
    own = SceneGenerator(placed, folders)
    labels = missed_objects(own, given, progress)
    if not labels:
        return given
    return JoinedMasks(given, _filled(placed.scene, MissedObjects(own, labels), folders, progress), own)


def scene_generator(scene: DeviceScene, cache: str | Path | None = None) -> SceneGenerator:
    """Return what makes masks of a scene from the scene itself, with its structure kept where masks are kept.

    Args:
        scene: the scene on a device.
        cache: as `open_masks` has it.

    Raises:
        SagaError: the scene was not read from a file and no cache is given.
    """
    return SceneGenerator(scene, mask_folders(scene.scene) if cache is None else [Path(cache)])


def mask_folders(scene: Scene) -> list[Path]:
    """Return where the masks of a scene may lie: beside it or in the user's cache, the place for new ones first.

    Raises:
        SagaError: the scene was not read from a file.
    """
    if scene.path is None:
        raise SagaError(
            "masks: expected a scene that was read from a file, beside which masks are kept; give masks or cache"
        )
    beside, own = scene.path.absolute().with_name(f"{scene.path.stem}.masks"), user_cache(scene.path)
    return [beside, own] if can_hold_files(beside) else [own, beside]


def _filled(
    scene: Scene,
    generator: MaskGenerator | ViewGenerator,
    folders: Sequence[Path],
    progress: bool,
    say: Callable[[str], None] | None = None,
) -> MaskCache:
    """Returns the cache that has every view already, or else the first, filled."""
    stores = [MaskCache(folder, generator) for folder in folders]
    for store in stores:
        if not store.missing(scene.cameras):
            return store
    if scene.path is not None and folders[0] == user_cache(scene.path):
        warnings.warn(
            f"{folders[-1]}: cannot be written, so the masks are kept in {folders[0]}; "
            "give another place with --cache (cache=)",
            stacklevel=3,
        )
    if say is not None and isinstance(generator, ModelGenerator):
        announce(scene, generator, stores[0].missing(scene.cameras), say)
    stores[0].prepare(scene, progress)
    return stores[0]


def user_cache(scene: Path) -> Path:
    """Return the folder in the user's cache (XDG_CACHE_HOME, or ~/.cache) for masks of a scene at this place."""
    path = scene.absolute()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "saga" / f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}.masks"


def can_hold_files(folder: Path) -> bool:
    """Whether `folder` is there and can be written, or can be made."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
