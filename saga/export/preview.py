"""Pictures for a person to judge a result by: preview.png and overview.png."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from saga.export.rendering import WHITE, Color, render_alpha, render_color, render_labels, render_masks
from saga.files.names import printable
from saga.raster import DeviceScene
from saga.raster.surroundings import Surroundings
from saga.scene import Camera

_PANEL = (640, 480)
"""A panel fits into this many pixels."""
_MARGIN = 18
_CAPTION = 34
_PAPER = (250, 250, 248)
_INK = (40, 42, 46)
_ACCENT = np.array([255, 106, 0])
_POSITIVE, _NEGATIVE = (22, 163, 74), (220, 38, 38)
_SMOOTH = 3
"""Marks are drawn this much larger and scaled down, for smooth edges."""
_VIEWS, _VIEW_COLUMNS, _VIEW_SAMPLE = 32, 64, 30_000
_STUDIO: Color = (0.93, 0.93, 0.94)


def draw_preview(
    scene: DeviceScene,
    camera: Camera,
    member: Tensor,  # [N] bool
    prompt: Mapping[str, Any],
    filled: DeviceScene | None = None,
) -> np.ndarray:  # [h, w, 3]
    """Returns three labeled panels, uint8 RGB: what was asked, the object alone, the scene without it.

    With the rest `filled`, that is a fourth.

    The first is the view's photograph (its rendering when there is none) with the mask tinted and
    outlined, and the prompt's "points" and "negative" (pixels x, y) and "box" (x0, y0, x1, y1) drawn in.
    The object fills its panel; strays are inside the frame too.
    """
    small = fit_panel(camera)
    factor = small.width / camera.width
    mask = next(render_masks(scene, [small], member))
    seen = None
    if camera.image_path is None:
        photograph = seen = render_color(scene, small)
    else:
        photograph = np.asarray(Image.fromarray(scene.scene.photograph(camera)).resize((small.width, small.height)))
    asked = _draw_prompt(highlight(photograph, mask, _ACCENT), prompt, factor)
    close = _close_up(scene, small, member)
    alone = render_color(scene, close, _STUDIO, member)
    rest = _without(scene, small, member, seen)
    count = int(member.sum())
    panels = [
        (asked, f"{camera.name}: {_describe(prompt)}"),
        (alone, f"object: {count:,} of {len(member):,} Gaussians"),
        (rest, "scene without it"),
    ]
    if filled is not None:
        panels.append((render_color(filled, small), "the same, filled"))
    return sheet(panels)


def draw_overview(
    scene: DeviceScene,
    camera: Camera,
    labels: np.ndarray,  # [N] integer, 0 = none
    names: Sequence[str],
) -> np.ndarray:  # [h, w, 3]
    """Returns two panels, uint8 RGB: a view of the scene, and each object in a color of its own.

    `names` are those of the labels 1, 2, ...; they are written where the view shows their object.
    """
    small = fit_panel(camera)
    seen = render_color(scene, small)
    shown = render_labels(scene, small, labels)
    gray = seen.mean(axis=2, keepdims=True)
    painted = np.repeat(0.35 * gray + 160, 3, axis=2).astype(np.uint8)
    for label in range(1, len(names) + 1):
        painted = highlight(painted, shown == label, np.array(palette(label)), 0.75)
    picture = Image.fromarray(painted)
    for label, name in enumerate(names, 1):
        _tag(picture, shown == label, name)
    return sheet([(seen, camera.name), (np.asarray(picture), f"{len(names)} objects")])


def palette(index: int) -> tuple[int, int, int]:
    """Returns a color (0 to 255) for an object; neighboring numbers are far apart in hue."""
    red, green, blue = colorsys.hsv_to_rgb(0.618034 * index % 1, (0.72, 0.5, 0.85)[index % 3], 0.92)
    return round(255 * red), round(255 * green), round(255 * blue)


def highlight(
    picture: np.ndarray,  # [H, W, 3] uint8
    mask: np.ndarray,  # [H, W] bool
    color: np.ndarray,  # [3]
    tint: float = 0.35,
) -> np.ndarray:  # [H, W, 3]
    """Returns the picture with a mask tinted and outlined by a line of 2 px with a thin white rim."""
    blended = picture.astype(np.float32)
    blended[mask] += tint * (color - blended[mask])
    wide = _widened(_widened(mask))
    line, rim = wide & ~mask, _widened(wide) & ~wide
    blended[rim] += 0.6 * (255 - blended[rim])
    blended[line] = color
    return blended.astype(np.uint8)


def _widened(
    mask: np.ndarray,  # [H, W] bool
) -> np.ndarray:  # [H, W]
    """Returns a mask with the pixels above, below and beside it; SciPy's takes longer to load than all of a preview."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    return wide


def best_view(
    cameras: Sequence[Camera],
    means: np.ndarray,  # [N, 3]
    labels: np.ndarray,  # [N] integer, 0 = none
) -> Camera:
    """Returns the view that shows most of the labeled objects, each as large as possible.

    Judged on a sample of the cameras and of the means, which hide each other in a coarse depth buffer. An
    object counts with the square root of its area: ten small ones weigh more than one that fills the view.
    """
    step = max(1, len(means) // _VIEW_SAMPLE)
    means, labels = means[::step], labels[::step]
    near = 1e-3 * float(np.median(np.abs(means - np.median(means, axis=0))))

    def worth(camera: Camera) -> float:
        small = camera.resized(_VIEW_COLUMNS, max(1, round(_VIEW_COLUMNS * camera.height / camera.width)))
        local = means @ small.world_to_camera[:3, :3].T + small.world_to_camera[:3, 3]
        z = np.maximum(local[:, 2], np.finfo(np.float32).tiny)
        x, y = np.floor(small.fx * local[:, 0] / z + small.cx), np.floor(small.fy * local[:, 1] / z + small.cy)
        shown = np.flatnonzero((local[:, 2] > near) & (x >= 0) & (x < small.width) & (y >= 0) & (y < small.height))
        shown = shown[np.argsort(z[shown])]
        _, nearest = np.unique(y[shown] * small.width + x[shown], return_index=True)
        return float(np.sqrt(np.bincount(labels[shown[nearest]], minlength=1)[1:]).sum())

    return max(cameras[:: max(1, len(cameras) // _VIEWS)], key=worth)


def fit_panel(camera: Camera) -> Camera:
    """Returns the camera with an image that fills a panel."""
    factor = min(_PANEL[0] / camera.width, _PANEL[1] / camera.height)
    return camera.resized(max(1, round(camera.width * factor)), max(1, round(camera.height * factor)))


def _without(
    scene: DeviceScene,
    camera: Camera,
    member: Tensor,  # [N] bool
    seen: np.ndarray | None,  # [h, w, 3] uint8
) -> np.ndarray:  # [h, w, 3]
    """What a camera sees without the members; of what it is known to see with them, only the part that shows them."""
    if seen is None or camera.lens is not None:
        return render_color(scene, camera, WHITE, ~member)
    rest = seen.copy()
    window = Surroundings(scene.geometry, member).window(camera)
    if window is not None:
        x0, y0, x1, y1 = window
        rest[y0:y1, x0:x1] = render_color(scene, camera.cropped(*window), WHITE, ~member)
    return rest


def _close_up(scene: DeviceScene, camera: Camera, member: Tensor) -> Camera:
    """The ideal pinhole with its picture cropped to everything that the members show, enlarged to the same size."""
    camera = replace(camera, lens=None)  # a picture of the object alone lies on no photograph
    rows, columns = np.nonzero(render_alpha(scene, camera, member) > 0.1)
    if len(rows) == 0:
        return camera
    width = 1.15 * max(np.ptp(columns) + 1, (np.ptp(rows) + 1) * camera.width / camera.height)
    zoom = max(1.0, camera.width / width)
    x, y = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
    return replace(
        camera,
        fx=camera.fx * zoom,
        fy=camera.fy * zoom,
        cx=(camera.cx - x) * zoom + camera.width / 2,
        cy=(camera.cy - y) * zoom + camera.height / 2,
    )


def _describe(prompt: Mapping[str, Any]) -> str:
    parts = [f'"{prompt["text"]}"'] if prompt.get("text") else []
    for key, one, many in (("points", "click", "clicks"), ("negative", "negative click", "negative clicks")):
        count = len(prompt.get(key) or [])
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    parts += [key for key in ("box", "scribble", "mask") if prompt.get(key) is not None]
    return ", ".join(parts) or "the object"


def _draw_prompt(picture: np.ndarray, prompt: Mapping[str, Any], factor: float) -> np.ndarray:
    size = picture.shape[1], picture.shape[0]
    marks = Image.new("RGBA", (size[0] * _SMOOTH, size[1] * _SMOOTH))
    draw = ImageDraw.Draw(marks)
    scale = factor * _SMOOTH
    if prompt.get("box") is not None:
        # Drawing takes a time that grows with the box, whose sides may lie anywhere beyond the picture.
        limits = (0, size[0] * _SMOOTH), (0, size[1] * _SMOOTH)
        box = [float(np.clip(value * scale, *limits[k % 2])) for k, value in enumerate(prompt["box"])]
        draw.rectangle(box, outline=(255, 255, 255), width=4 * _SMOOTH)
        draw.rectangle(box, outline=_POSITIVE, width=2 * _SMOOTH)
    for key, color in (("points", _POSITIVE), ("negative", _NEGATIVE)):
        for point in prompt.get(key) or []:
            _click(draw, (point[0] + 0.5) * scale, (point[1] + 0.5) * scale, color, key == "points")
    marks = marks.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(Image.alpha_composite(Image.fromarray(picture).convert("RGBA"), marks).convert("RGB"))


def _click(draw: ImageDraw.ImageDraw, x: float, y: float, color: tuple[int, int, int], plus: bool) -> None:
    radius, bar, thick = 8 * _SMOOTH, 4 * _SMOOTH, 1 * _SMOOTH
    white = (255, 255, 255)
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=color, outline=white, width=2 * thick)
    draw.rectangle([x - bar, y - thick, x + bar, y + thick], fill=white)
    if plus:
        draw.rectangle([x - thick, y - bar, x + thick, y + bar], fill=white)


def _tag(picture: Image.Image, mask: np.ndarray, name: str) -> None:
    rows, columns = np.nonzero(mask)
    if len(rows) < 30:
        return
    draw, name = ImageDraw.Draw(picture), printable(name)
    font = ImageFont.load_default(13)
    place = float(np.median(columns)), float(np.median(rows))
    box = draw.textbbox(place, name, font=font, anchor="mm")
    draw.rounded_rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), radius=4, fill=_INK)
    draw.text(place, name, font=font, anchor="mm", fill=(255, 255, 255))


def sheet(panels: Sequence[tuple[np.ndarray, str]]) -> np.ndarray:
    """Panels of one size side by side on paper, each with its caption below."""
    height, width = panels[0][0].shape[:2]
    sheet = Image.new("RGB", (len(panels) * (width + _MARGIN) + _MARGIN, height + _MARGIN + _CAPTION + 4), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(17)
    for k, (picture, caption) in enumerate(panels):
        left = _MARGIN + k * (width + _MARGIN)
        sheet.paste(Image.fromarray(picture), (left, _MARGIN))
        draw.rectangle((left - 1, _MARGIN - 1, left + width, _MARGIN + height), outline=(205, 205, 205))
        draw.text((left + 2, _MARGIN + height + _CAPTION // 2), printable(caption), font=font, fill=_INK, anchor="lm")
    return np.asarray(sheet)
