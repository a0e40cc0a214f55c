"""saga-views: where to click, on pictures with a coordinate grid; for a scene without cameras, views of its own."""

from __future__ import annotations

import shlex

from saga.cli.options import Device, ImageFolder, NonNegative, OptionalPath, Positive, SceneFile
from saga.cli.run import beside, run, say


def views(
    scene: SceneFile,
    images: ImageFolder = None,
    *,
    out: OptionalPath = None,
    cameras: OptionalPath = None,
    align: str = "auto",
    count: Positive = 24,
    seed: NonNegative = 0,
    device: Device = "auto",
) -> None:
    """Write a picture of every view with a coordinate grid, to see where to click.

    A scene without cameras gets views of its own, planned so that they show everything in it; saga-train and
    saga-segment then work with them.

    Args:
        scene: The trained Gaussian splatting scene.
        images: Folder of the photographs it was trained from.
        out: Folder for the pictures; beside the scene, with the ending _grid, by default.
        cameras: COLMAP sparse folder, cameras.json or transforms.json; found near the scene by default.
        align: auto checks that photographs and scene agree and tries the frames that trainers use; none takes the
            cameras as they are; a file (dataparser_transforms.json, or a 4x4 matrix) is the frame to use.
        count: Views to make of a scene without cameras.
        seed: Seed of these views.
        device: Where to compute.
    """
    from saga.export import write_grids
    from saga.opening import load_scene
    from saga.raster import DeviceScene

    loaded = load_scene(scene, images, cameras, align_frames=align, views=count, seed=seed, device=device, say=say)
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
    """Entry point of saga-views."""
    run(views, "saga-views")
