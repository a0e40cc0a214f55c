"""From what a hand draws to what a query takes: polygons, strokes, and windows of a camera's picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from saga.errors import SagaError
from saga.query import Prompt
from saga.query.refine import MaskEvidence
from saga.raster import DeviceScene
from saga.scene import Camera
from saga.scene.lens import points_to_pinhole

Points = Sequence[tuple[float, float]]
_MARGIN = 12
"""Pixels around the points of a window: a click that shows nothing means what is a few pixels away."""
_RIM = 0.2
"""Width of the rim of what a hand draws around an object, to the square root of its area."""
_MIDDLE = 1 / 3
"""Share of a brush's width that counts, around the line that its middle went along."""
_SMALL = 0.25
"""Share of a picture that a window may take, to be worth it."""


def lasso(camera: Camera, corners: Points) -> np.ndarray:  # [H, W] bool
    """Returns the inside of a closed line through pixels (x, y) of a camera's picture; parts beyond it are left out.

    Raises:
        SagaError: fewer than three corners, or a line around no pixel.
    """
    if len(corners) < 3:
        raise SagaError(f"lasso: expected at least three corners, found {len(corners)}; draw around the object.")
    return _drawn(camera, "lasso", lambda draw: draw.polygon(_within_reach(corners), fill=1))


def around(camera: Camera, corners: Points) -> Prompt:
    """Returns the prompt that a closed line drawn by hand stands for: what is well inside it counts, its rim does not.

    Raises:
        SagaError: as `lasso`.
    """
    mask = lasso(camera, corners)
    return Prompt(camera, mask=mask, rim=_RIM * float(np.sqrt(np.count_nonzero(mask))))


def along(camera: Camera, line: Points, width: float) -> Prompt:
    """Returns the prompt that a brush stroke `width` pixels wide stands for: its middle counts, its rim may spill over.

    Raises:
        SagaError: as `stroke`.
    """
    return Prompt(camera, scribble=stroke(camera, line, _MIDDLE * width))


def stroke(camera: Camera, line: Points, width: float) -> np.ndarray:  # [H, W] bool
    """Returns what a round brush of `width` pixels paints along pixels (x, y) of a camera's picture.

    Raises:
        SagaError: no pixel is painted.
    """
    radius = max(width, 1.0) / 2

    def paint(draw: ImageDraw.ImageDraw) -> None:
        points = _within_reach(line)
        if len(points) > 1:
            draw.line(points, fill=1, width=max(round(2 * radius), 1))
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)

    return _drawn(camera, "brush", paint)


def inside(
    scene: DeviceScene,
    camera: Camera,
    mask: np.ndarray,  # [H, W] bool
    through: bool,
) -> Tensor:  # [N] bool
    """Returns the Gaussians in a part of a camera's picture.

    Args:
        scene: the scene.
        camera: the camera.
        mask: the part.
        through: takes what lies behind other things too, by centers; else only what shows in the part.
    """
    if not through:
        region = torch.from_numpy(mask).to(scene.device)
        return MaskEvidence.of(scene.operator(camera), region).inside & scene.valid
    pixels, depths = camera.project(scene.scene.gaussians.means)
    within = (depths > 0) & (pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1)
    columns, rows = pixels[within].astype(np.int64).T
    found = np.zeros(len(depths), bool)
    found[within] = mask[rows, columns]
    return torch.from_numpy(found).to(scene.device) & scene.valid


def windowed(camera: Camera, prompt: Prompt) -> Prompt:
    """Returns points in a whole picture as points in a small window around them, where that saves work.

    A window is a camera that sees the same pixels and projects only what they show. Other prompts stay as they are.
    """
    points, negative = list(prompt.points), list(prompt.negative)
    if not points + negative or any(part is not None for part in (prompt.scribble, prompt.mask, prompt.box)):
        return prompt
    pixels = np.floor(np.asarray(points + negative, np.float64)) + 0.5
    if camera.lens is not None:
        pixels = points_to_pinhole(camera, pixels)
    limits = np.array([camera.width, camera.height])
    low = np.clip(np.floor(pixels.min(0)).astype(int) - _MARGIN, 0, limits)
    size = np.clip(np.floor(pixels.max(0)).astype(int) + _MARGIN + 1, 0, limits) - low
    outside = bool((pixels < 0).any() or (pixels >= limits).any())  # the query says so in its own words
    if outside or size.prod() > _SMALL * limits.prod():
        return prompt
    width, height = size.tolist()
    cut = replace(camera, width=width, height=height, cx=camera.cx - low[0], cy=camera.cy - low[1]).free()
    moved = [(float(x), float(y)) for x, y in pixels - low]
    return replace(prompt, view=cut, points=moved[: len(points)], negative=moved[len(points) :])


def _within_reach(points: Points) -> list[tuple[float, float]]:
    """Coordinates that the drawing library takes in a bounded time, wherever a hand went."""
    line = np.asarray(points, np.float64).reshape(-1, 2)
    if not np.isfinite(line).all():
        raise SagaError("line: expected finite pixels, found others; draw again.")
    return [(float(x), float(y)) for x, y in np.clip(line, -30_000, 30_000)]


def _drawn(camera: Camera, name: str, draw: Callable[[ImageDraw.ImageDraw], object]) -> np.ndarray:  # [H, W] bool
    canvas = Image.new("L", (camera.width, camera.height))
    draw(ImageDraw.Draw(canvas))
    mask = np.asarray(canvas) > 0
    if not mask.any():
        raise SagaError(f"{name}: expected a line on the picture, found none of its pixels; draw on the scene.")
    return mask
