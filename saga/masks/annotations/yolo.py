"""YOLO's labels of segmentation: a text file for each photograph, in each line a polygon as shares of its sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.files.reading import reading, require_memory
from saga.masks.annotations.image import Size, require_masks, stacked
from saga.masks.annotations.shapes import polygon
from saga.masks.pictures import Say

_TIMES = 50
"""Words of a line take up to so many times the bytes of their text in memory."""
_BOX = 5
"""Numbers in a line of a detection: a class and a box. A polygon of two corners would have as many, and is none."""


def read_yolo(path: Path, size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    """Return the masks bool [M, h, w] of a label file; lines of detections, which have boxes alone, are left out.

    Args:
        path: the text file.
        size: height and width of the photograph.
        say: takes what was left out.

    Raises:
        SagaError: a line is no class and points between 0 and 1, or there are boxes alone.
    """
    with reading(path, "YOLO's labels"):
        require_memory(path, "text", _TIMES * path.stat().st_size)
        lines = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    shapes = [(number, values) for number, values in enumerate(lines, 1) if len(values) != _BOX]
    if lines and not shapes:
        raise SagaError(f"{path}: expected polygons, found {len(lines)} boxes alone; export segmentations.")
    if len(shapes) < len(lines):
        say(f"{path}: boxes without a polygon are left out")
    require_masks(path, len(shapes), size)
    masks = []
    for number, values in shapes:
        try:
            points = np.array(values[1:], np.float64).reshape(-1, 2)
            if len(points) < 3 or not (np.isfinite(points) & (points >= -0.01) & (points <= 1.01)).all():
                raise ValueError("three or more points between 0 and 1 expected")
        except ValueError as error:
            raise SagaError(
                f"{path}: line {number} is no class and polygon as YOLO writes it ({error}); write it again"
            ) from error
        masks.append(polygon(points * (size[1], size[0]), size))
    return stacked(masks, size, str(path), say)
