"""Pictures with a coordinate grid, on which a person sees where to click."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from saga.export.folders import GRIDS, GRIDS_MARK, is_grids
from saga.export.png import PngWriter
from saga.export.rendering import render_color
from saga.files.transaction import staged_folder
from saga.raster import DeviceScene
from saga.runtime.progress import tracked

_LINES = 8
"""About how many lines the longer side gets."""
_STEPS = (10, 20, 25, 50, 100, 200, 250, 500, 1000)
"""Distances between lines in pixels."""
_INK, _HALO = (255, 255, 255), (20, 22, 26)


def write_grids(placed: DeviceScene, folder: str | Path, progress: bool = True) -> None:
    """Writes `<view>.png` for every view of a scene into a folder: its photograph, or else its rendering, with a grid.

    Args:
        placed: the scene on a device.
        folder: a new folder, or one of earlier grids, which are replaced.
        progress: whether to show progress on standard error.

    Raises:
        SagaError: the folder holds something else or cannot be written, or a photograph cannot be read.
    """
    scene = placed.scene
    stems = scene.stems
    with staged_folder(folder, GRIDS, is_grids) as stage:
        with PngWriter() as pictures:
            for camera in tracked(scene.cameras, progress, "pictures", "views"):
                shown = camera.image_path is not None
                picture = scene.photograph(camera) if shown else render_color(placed, camera)
                pictures.write(stage / f"{stems[camera.name]}.png", draw_grid(picture))
        (stage / GRIDS_MARK).write_text(
            "Pictures of the views, with the pixel coordinates that prompts take.\n", "utf-8"
        )


def draw_grid(
    picture: np.ndarray,  # [H, W, 3] uint8
) -> np.ndarray:  # [H, W, 3] uint8
    """Draws lines over a picture at round pixel coordinates, with the coordinates at their ends.

    The picture keeps its size, so that a place on it has the coordinates that a prompt takes: x to the right, y down,
    both from the top left corner.
    """
    height, width = picture.shape[:2]
    step = next((each for each in _STEPS if max(width, height) / each <= _LINES), _STEPS[-1])
    image = Image.fromarray(picture).convert("RGB")
    overlay = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw, font = ImageDraw.Draw(overlay), ImageFont.load_default(max(11, round(max(width, height) / 60)))
    for x in range(step, width, step):
        draw.line([(x, 0), (x, height)], fill=(255, 255, 255, 110), width=1)
        draw.line([(x + 1, 0), (x + 1, height)], fill=(0, 0, 0, 70), width=1)
    for y in range(step, height, step):
        draw.line([(0, y), (width, y)], fill=(255, 255, 255, 110), width=1)
        draw.line([(0, y + 1), (width, y + 1)], fill=(0, 0, 0, 70), width=1)
    for x in range(step, width, step):
        draw.text((x + 3, 2), f"x {x}", font=font, fill=_INK, stroke_width=2, stroke_fill=_HALO)
    for y in range(step, height, step):
        draw.text((3, y + 2), f"y {y}", font=font, fill=_INK, stroke_width=2, stroke_fill=_HALO)
    return np.asarray(Image.alpha_composite(image.convert("RGBA"), overlay).convert("RGB"))
