"""What an annotation file has of one photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.files.reading import require_memory
from saga.masks.pictures import Say
from saga.masks.rle import MOST_PIXELS

MOST_MASKS = 1 << 16
"""Masks of a photograph: Segment Anything makes a few hundred, and more than this are no masks of things."""
Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True)
class AnnotatedImage:
    """The masks of one photograph in an annotation file, decoded when they are asked for."""

    name: str
    """What the file calls the photograph; "" when it does not say."""
    decode: Callable[[Size, Say], np.ndarray]
    """Returns the masks bool [M, h, w], given the size of the photograph for files that lack it."""


def require_masks(path: Path, count: int, size: Size) -> None:
    """Refuses more masks of a photograph than are those of things, or than memory has room for.

    Args:
        path: the file.
        count: how many masks it holds.
        size: height and width of each, in pixels.

    Raises:
        SagaError: there are too many, or they are too large; nothing is decoded then.
    """
    if count > MOST_MASKS:
        raise SagaError(f"{path}: expected at most {MOST_MASKS} masks of a photograph, found {count}; split them.")
    # Each is decoded by itself, and then all of them become one array.
    require_memory(path, f"{count} masks of {size[1]}x{size[0]}", 2 * count * size[0] * size[1])


def size_of(values: Any, size: Size, height: str = "height", width: str = "width") -> Size:
    """Return the size that a record states, or else the photograph's. Raises ValueError when no picture has it."""
    stated = values.get(height), values.get(width)
    found = size if None in stated else (int(float(stated[0])), int(float(stated[1])))
    if not (found[0] > 0 and found[1] > 0 and found[0] * found[1] <= MOST_PIXELS):
        raise ValueError(f"a picture of {found[1]}x{found[0]}, where at most {MOST_PIXELS} pixels are read")
    return found


def stacked(masks: Iterable[np.ndarray], size: Size, where: str, say: Say) -> np.ndarray:  # [M, h, w]
    """Return drawn masks as one array; those without a pixel are left out, and that is said."""
    drawn = list(masks)
    seen = [mask for mask in drawn if mask.any()]
    if len(seen) < len(drawn):
        say(f"{where}: shapes that cover no pixel of {size[1]}x{size[0]} are left out")
    return np.stack(seen) if seen else np.zeros((0, *size), bool)
