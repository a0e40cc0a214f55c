"""saga-views: where to click, on pictures with a coordinate grid; for a scene without cameras, views of its own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from saga.cli.inputs import PLANNED_VIEWS, CameraInputs
from saga.cli.options import Flattened, ImageFolder, NonNegative, OptionalPath, Positive, SceneFile
from saga.cli.places import require_folder
from saga.cli.run import beside, run, say

if TYPE_CHECKING:
    from saga.scene import Scene


def views(
    scene: SceneFile,
    images: ImageFolder = None,
    *,
    out: OptionalPath = None,
    count: Positive = PLANNED_VIEWS,
    seed: NonNegative = 0,
    cameras: Flattened[CameraInputs] = CameraInputs(),  # noqa: B008 (frozen)
) -> None:
    """Write a picture of every view with a coordinate grid, to see where to click.

    A scene without cameras gets views of its own, planned so that they show everything in it; saga-train and
    saga-segment then work with them.

    Args:
        scene: The trained Gaussian splatting scene.
        images: Folder of the photographs it was trained from.
        out: Folder for the pictures; beside the scene, with the ending _grid, by default.
        count: Views to make of a scene without cameras.
        seed: Seed of these views.
    """
    folder = out or beside(scene, "_grid")
    require_folder("views", folder)
    device = cameras.choose_device()
    loaded = cameras.load(scene, images, views=count, seed=seed)
    listed, example = write_views(loaded, folder, device)
    say(f"{folder}: pictures with coordinates of {len(loaded.cameras)} views ({listed})")
    say("Read the coordinates of an object off a picture and click there, for example:")
    say(f"  {shlex.join(['saga-segment', str(scene), *example])}")


def write_views(scene: Scene, folder: Path, device: str) -> tuple[str, list[str]]:
    """Writes the pictures; returns the names of the first views, and options of saga-segment that click in one."""
    from saga.export import write_grids
    from saga.raster import DeviceScene

    write_grids(DeviceScene(scene, device), folder)
    names, first = [camera.name for camera in scene.cameras], scene.cameras[0]
    listed = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    return listed, ["--view", first.name, "--points", f"{first.width // 2},{first.height // 2}"]


def main() -> None:
    """Runs saga-views."""
    run(views, "saga-views")
