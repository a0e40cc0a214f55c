"""The contact sheet of a ranking: what was found, and what came next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from saga.files.names import printable

THUMBNAIL = 176
"""Side of a picture in pixels."""
_COLUMNS, _GAP, _HEAD, _LINES = 5, 16, 56, 46
_PAPER, _INK, _QUIET, _RIM = (250, 250, 248), (40, 42, 46), (120, 124, 130), (205, 205, 205)
_FOUND = (22, 163, 74)


@dataclass(frozen=True)
class Entry:
    """One object on a sheet."""

    picture: np.ndarray  # [h, w, 3] uint8
    title: str
    """First line below the picture."""
    detail: str
    """Second line."""
    marked: bool
    """Whether it is framed as found."""


def draw_sheet(headline: str, remark: str, entries: Sequence[Entry], most: int = 20) -> np.ndarray:  # [H, W, 3]
    """Returns the sheet, uint8 RGB: a headline, a remark, and the entries row by row, at most so many.

    What is left out for want of room is said in the remark's line.
    """
    shown = entries[:most]
    columns = min(_COLUMNS, max(3, len(shown)))
    rows = -(-len(shown) // columns)
    width = _GAP + columns * (THUMBNAIL + _GAP)
    sheet = Image.new("RGB", (width, _HEAD + rows * (THUMBNAIL + _LINES + _GAP) + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    more = f" ({len(entries) - len(shown)} more are not shown)" if len(entries) > len(shown) else ""
    _line(draw, (_GAP, 22), headline, 18, _INK, width - 2 * _GAP)
    _line(draw, (_GAP, 44), remark + more, 13, _QUIET, width - 2 * _GAP)
    for number, entry in enumerate(shown):
        left = _GAP + number % columns * (THUMBNAIL + _GAP)
        top = _HEAD + number // columns * (THUMBNAIL + _LINES + _GAP)
        picture = Image.fromarray(entry.picture).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, top))
        rim, thick = (_FOUND, 3) if entry.marked else (_RIM, 1)
        box = (left - thick, top - thick, left + THUMBNAIL + thick - 1, top + THUMBNAIL + thick - 1)
        draw.rectangle(box, outline=rim, width=thick)
        _line(draw, (left, top + THUMBNAIL + 14), entry.title, 14, _INK, THUMBNAIL)
        _line(draw, (left, top + THUMBNAIL + 32), entry.detail, 12, _QUIET, THUMBNAIL)
    return np.asarray(sheet)


def _line(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    color: tuple[int, int, int],
    width: int,
) -> None:
    """Writes one line that ends in dots where it is too long."""
    font, text = ImageFont.load_default(size), printable(text)
    while text and draw.textlength(text, font) > width:
        text = text.removesuffix("…")[:-1] + "…"
    draw.text(place, text, font=font, fill=color, anchor="lm")
