"""Contact sheets of the worst answers: what was asked, the photograph, the truth, the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from saga.evaluate.cases import Task, TaskPrompt
from saga.evaluate.records import Record
from saga.export.preview import highlight
from saga.export.rendering import render_color
from saga.files.names import printable
from saga.query.prompts import Prompt, check
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera

HIT, MISSED, EXTRA = np.array([34, 160, 70]), np.array([220, 38, 38]), np.array([60, 90, 255])
"""Colors of what was found, what was missed, and what was taken too much."""
_TRUE, _ASKED, _EXCLUDED = np.array([255, 170, 0]), (22, 163, 74), (220, 38, 38)
_PANEL = 300
"""Width of a panel in pixels."""
_GAP, _CAPTION = 8, 22
_LEAST_SHARE, _MARGIN = 1 / 3, 1.3
"""A close-up is at least this share of the image wide, and this much larger than what it shows."""
_PAPER, _INK = (250, 250, 248), (40, 42, 46)


@dataclass(frozen=True)
class WorstAnswer:
    """The worst view of one answer."""

    record: Record
    task: Task
    asked: TaskPrompt
    predicted: np.ndarray  # [H, W] bool


class WorstAnswers:
    """Of every object the answer with the least IoU in its worst view."""

    def __init__(self) -> None:
        """Starts without answers."""
        self._answers: dict[str, WorstAnswer] = {}

    def offer(self, answer: WorstAnswer) -> None:
        """Keeps the answer while it is its object's worst; displaced prompts are not looked at."""
        kept = self._answers.get(answer.record.object)
        if answer.record.repeat == 0 and (kept is None or answer.record.least[0] < kept.record.least[0]):
            self._answers[answer.record.object] = answer

    def draw(self, scene: DeviceScene, count: int = 12) -> np.ndarray:  # [h, w, 3]
        """Returns the sheet of at most `count` objects, uint8 RGB: one row per object, worst first."""
        ranked = sorted(self._answers.values(), key=lambda answer: answer.record.least[0])[:count]
        rows = [_heading(), *(_row(scene, answer) for answer in ranked)]
        width, height = max(row.width for row in rows), sum(row.height + _GAP for row in rows)
        sheet = Image.new("RGB", (width + 2 * _GAP, height + _GAP), _PAPER)
        top = _GAP
        for row in rows:
            sheet.paste(row, (_GAP, top))
            top += row.height + _GAP
        return np.asarray(sheet)


def _heading() -> Image.Image:
    """Tells which color says what, at the head of the answers' column."""
    left = 3 * (_PANEL + _GAP)
    strip = Image.new("RGB", (left + _PANEL, _CAPTION), _PAPER)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(13)
    for word, color in (("found", HIT), ("missed", MISSED), ("too much", EXTRA)):
        draw.rectangle((left, 5, left + 12, 17), fill=tuple(color.tolist()))
        draw.text((left + 17, _CAPTION // 2), word, font=font, fill=_INK, anchor="lm")
        left += 30 + round(draw.textlength(word, font))
    return strip


def _row(scene: DeviceScene, worst: WorstAnswer) -> Image.Image:
    record = worst.record
    overlap, view = record.least
    camera, prompt_camera = scene.scene.camera(view), scene.scene.camera(record.view)
    photograph, truth = _photograph(scene, camera), worst.task.truth[view]
    gray = photograph.mean(axis=2, keepdims=True)
    answer = np.repeat(0.5 * gray + 110, 3, axis=2).astype(np.uint8)
    found = worst.predicted
    for color, part in ((HIT, found & truth), (MISSED, truth & ~found), (EXTRA, found & ~truth)):
        answer[part] = (0.3 * answer[part] + 0.7 * color).astype(np.uint8)
    many = f"{record.clicks} click{'s' * (record.clicks != 1)}" if record.clicks else record.kind
    close = _close_up(found | truth)
    panels = [
        (_with_prompt(scene, prompt_camera, worst.asked.prompt), f"{record.object}: {many} in {prompt_camera.name}"),
        (photograph[close], view),
        (highlight(photograph, truth, _TRUE)[close], "truth"),
        (answer[close], f"IoU {overlap:.3f} (mean {record.iou:.3f})" + (", no answer" if record.error else "")),
    ]
    return _strip([(_shrunk(picture), caption) for picture, caption in panels])


def _close_up(
    shown: np.ndarray,  # [H, W] bool
) -> tuple[slice, slice]:
    """Returns rows and columns around what is shown, in the image's aspect ratio, at least a third of its width."""
    height, width = shown.shape
    rows, columns = np.nonzero(shown)
    if len(rows) == 0:
        return slice(0, height), slice(0, width)
    share = max(np.ptp(columns) / width, np.ptp(rows) / height, _LEAST_SHARE / _MARGIN) * _MARGIN
    h, w = min(height, round(height * share)), min(width, round(width * share))
    top = int(np.clip((rows.min() + rows.max() - h) // 2, 0, height - h))
    left = int(np.clip((columns.min() + columns.max() - w) // 2, 0, width - w))
    return slice(top, top + h), slice(left, left + w)


def _with_prompt(scene: DeviceScene, camera: Camera, prompt: Prompt) -> np.ndarray:  # [H, W, 3]
    """Returns the prompt's view with the prompt drawn in."""
    picture = _photograph(scene, camera)
    checked = check(prompt, replace(camera, lens=None))  # in the photograph's own pixels
    region = checked.mask if checked.mask is not None else checked.scribble
    if region is not None:
        picture = highlight(picture, region, np.array(_ASKED))
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    radius = max(3, camera.width // 60)
    for points, color in ((checked.points, _ASKED), (checked.negative, _EXCLUDED)):
        for x, y in points.tolist():
            box = [x - radius, y - radius, x + radius, y + radius]
            draw.ellipse(box, fill=color, outline=(255, 255, 255), width=max(1, radius // 3))
    return np.asarray(image)


def _photograph(scene: DeviceScene, camera: Camera) -> np.ndarray:  # [H, W, 3]
    if camera.image_path is None:
        return render_color(scene, camera)
    return scene.scene.photograph(camera)


def _shrunk(picture: np.ndarray) -> Image.Image:
    height = max(1, round(_PANEL * picture.shape[0] / picture.shape[1]))
    return Image.fromarray(picture).resize((_PANEL, height), Image.Resampling.BILINEAR)


def _strip(panels: Sequence[tuple[Image.Image, str]]) -> Image.Image:
    height = max(picture.height for picture, _ in panels)
    strip = Image.new("RGB", (len(panels) * (_PANEL + _GAP) - _GAP, height + _CAPTION), _PAPER)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(13)
    for k, (picture, caption) in enumerate(panels):
        left, caption = k * (_PANEL + _GAP), printable(caption)
        strip.paste(picture, (left, 0))
        while caption and draw.textlength(caption, font) > _PANEL:
            caption = caption.removesuffix("…")[:-1] + "…"
        draw.text((left, height + _CAPTION // 2), caption, font=font, fill=_INK, anchor="lm")
    return strip
