"""One view of a scene beside its photograph, to see at a glance whether they belong together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from saga.export.preview import fit_panel, highlight, palette, sheet
from saga.export.rendering import WHITE, render_color
from saga.raster import DeviceScene
from saga.scene import Camera
from saga.scene.lens import image_to_photograph
from saga.scene.resizing import resize

_TILES = 8
"""Tiles along the longer side of a picture in which photograph and rendering take turns."""


def draw_check(
    placed: DeviceScene,
    camera: Camera,
    masks: np.ndarray | None = None,  # [M, H, W] bool
) -> np.ndarray:  # [h, w, 3]
    """Returns labeled panels, uint8 RGB: the photograph, what the scene shows there, both in turns, and the masks.

    Without a photograph there is the rendering alone. In the third panel tiles of photograph and rendering alternate:
    where the scene fits, outlines go on across their borders.

    Args:
        placed: the scene on a device.
        camera: the view.
        masks: masks of the view in pixels of its ideal pinhole; tinted and outlined, each in a color of its own.
    """
    small = fit_panel(camera)
    shown = render_color(placed, small, WHITE)
    panels = [(shown, f"the scene from {camera.name}")]
    ground = shown
    if camera.image_path is not None:
        photograph = Image.fromarray(placed.scene.photograph(camera)).resize((small.width, small.height))
        ground = np.asarray(photograph.convert("RGB"))
        rows, columns = np.indices((small.height, small.width)) // max(1, max(small.width, small.height) // _TILES)
        turns = np.where(((rows + columns) % 2 == 0)[..., None], ground, shown)
        panels = [(ground, f"photograph {camera.name}"), (shown, "the scene from its camera"), (turns, "both in turns")]
    if masks is not None:
        painted = ground
        for number, mask in enumerate(sorted(masks, key=lambda each: -int(each.sum())), 1):
            seen = image_to_photograph(camera, replace(camera, lens=None), mask, order=0)
            inside = resize(seen.astype(np.uint8), small.width, small.height, 0) > 0
            painted = highlight(painted, inside, np.array(palette(number)), 0.5)
        panels.append((painted, f"{len(masks)} masks"))
    return sheet(panels)
