"""saga-views: where to click, on pictures with a coordinate grid; for a scene without cameras, views of its own."""

from __future__ import annotations

import shlex

from saga.cli.inputs import PLANNED_VIEWS, CameraInputs
from saga.cli.options import Flattened, ImageFolder, NonNegative, OptionalPath, Positive, SceneFile
from saga.cli.run import beside, run, say


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
    from saga.export import write_grids
    from saga.raster import DeviceScene

    device = cameras.choose_device()
    loaded = cameras.load(scene, images, views=count, seed=seed)
    folder = out or beside(scene, "_grid")
    write_grids(DeviceScene(loaded, device), folder)
    names = [camera.name for camera in loaded.cameras]
    listed = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    say(f"{folder}: pictures with coordinates of {len(names)} views ({listed})")
    say("Read the coordinates of an object off a picture and click there, for example:")
    first = loaded.cameras[0]
    point = f"{first.width // 2},{first.height // 2}"
    say(f"  {shlex.join(['saga-segment', str(scene), '--view', first.name, '--points', point])}")


def main() -> None:
    """Runs saga-views."""
    run(views, "saga-views")
