"""Photographs for a scene that has none: its cameras' views, rendered."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.export.png import PngWriter
from saga.export.rendering import WHITE, Color, render_color
from saga.files.disk import require_room
from saga.files.json_values import write_json
from saga.files.transaction import staged_folder
from saga.raster import DeviceScene
from saga.runtime.progress import ticking
from saga.scene import Camera, Scene, write_transforms
from saga.scene.images import check_picture
from saga.scene.json_file import read_json
from saga.scene.names import unique_stems
from saga.scene.nerfstudio import read_nerfstudio

_FACTS = "views.json"
_VERSION = 1


def render_views(
    scene: Scene | DeviceScene, folder: str | Path, background: Color = WHITE, device: str = "auto"
) -> None:
    """Renders every view of a scene into `folder`, which then loads as a folder of photographs.

    Writes images/<stem>.png and transforms.json (ideal pinholes). The folder appears when everything is
    written, or not at all.

    Raises SagaError when there are no cameras, or `folder` already holds files: these are never replaced,
    because rendered views cannot be told from a person's photographs.
    """
    placed = DeviceScene.of(scene, device)
    if not placed.scene.cameras:
        raise SagaError(f"{folder}: expected cameras to render from, found none; give a scene with cameras.")
    with staged_folder(folder, owned=(), is_earlier=lambda _: False) as stage:
        _write_views(placed, placed.scene.cameras, stage, background)


def prepare_views(
    scene: Scene | DeviceScene,
    folder: str | Path,
    count: int = 24,
    size: tuple[int, int] = (800, 600),
    seed: int = 0,
    progress: bool = True,
    device: str = "auto",
) -> bool:
    """Plans and renders views of a scene without photographs into `folder`, unless it holds these very views already.

    Writes what `render_views` does, and views.json, which names what the views were made from: views of another scene
    or of other settings are made anew.

    Args:
        scene: the scene, or the scene on a device; views that are there already take none.
        folder: where the views are kept.
        count: number of views.
        size: width and height of the views in pixels.
        seed: seed of the planning.
        progress: whether to show progress on standard error.
        device: where to render; without effect when the scene is on a device already.

    Returns:
        Whether views were made; False when the earlier ones serve.

    Raises:
        SagaError: the folder holds something else, or cannot be written.
    """
    folder = Path(folder)
    facts = {
        "version": _VERSION,
        "scene": (scene.scene if isinstance(scene, DeviceScene) else scene).gaussians.digest(),
        "count": count,
        "size": list(size),
        "seed": seed,
    }
    if _facts_of(folder) == facts:
        try:
            _check_views(folder)
            return False
        except SagaError as error:
            warnings.warn(f"{error} The views are made again.", stacklevel=2)
    from saga.views.planning import plan_views  # loaded when needed: views are mostly there

    placed = DeviceScene.of(scene, device)
    require_room(folder, count * size[0] * size[1] // 4)  # about two bits a pixel
    owned = (_FACTS, "transforms.json", "images/*.png")
    with staged_folder(folder, owned, lambda found: (found / _FACTS).is_file()) as stage:
        cameras = plan_views(placed, count, size, seed, progress)
        with ticking(progress, "rendering views", len(cameras), transient=True) as tick:
            _write_views(placed, cameras, stage, WHITE, tick)
        write_json(stage / _FACTS, facts)
    return True


def has_photographs(scene: Scene) -> bool:
    """Whether any view of a scene has a picture that is not a rendering of the scene itself by `prepare_views`."""
    folders = {camera.image_path.parent for camera in scene.cameras if camera.image_path is not None}
    return any(_facts_of(folder.parent) is None for folder in folders)


def are_planned(scene: Scene) -> bool:
    """Whether all views of a scene were planned by `prepare_views`, and none is one that the scene was trained from."""
    folders = {None if camera.image_path is None else camera.image_path.parent for camera in scene.cameras}
    return bool(folders) and all(folder is not None and _facts_of(folder.parent) is not None for folder in folders)


def _write_views(
    placed: DeviceScene,
    cameras: Sequence[Camera],
    stage: Path,
    background: Color,
    tick: Callable[[], object] = lambda: None,
) -> None:
    rendered = []
    stems = unique_stems([camera.name for camera in cameras])
    with PngWriter() as pictures:
        for camera in cameras:
            path = stage / "images" / f"{stems[camera.name]}.png"
            pinhole = replace(camera, name=path.name, image_path=path, lens=None)
            pictures.write(path, render_color(placed, pinhole, background))
            rendered.append(pinhole)
            tick()
    write_transforms(rendered, stage / "transforms.json")


def _facts_of(folder: Path) -> dict[str, Any] | None:
    """Tells what the views in a folder were made from; None when it holds none."""
    try:
        facts = read_json(folder / _FACTS)
    except SagaError:
        return None
    return facts if isinstance(facts, dict) else None


def _check_views(folder: Path) -> None:
    """Raises SagaError when the cameras or a picture of views that were made once cannot be read any more."""
    for camera in read_nerfstudio(folder / "transforms.json"):
        check_picture(camera)
