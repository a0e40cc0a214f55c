"""LabelMe: a JSON beside each photograph, with polygons, rectangles, circles and bitmaps."""

from __future__ import annotations

import base64
import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.masks.annotations import shapes
from saga.masks.annotations.image import AnnotatedImage, Size, require_masks, size_of, stacked
from saga.masks.pictures import Say

_NO_AREA = ("point", "points", "line", "linestrip")


def is_labelme(contents: Any) -> bool:
    """Whether JSON values are LabelMe's."""
    return isinstance(contents, dict) and isinstance(contents.get("shapes"), list)


def read_labelme(path: Path, contents: Any) -> list[AnnotatedImage]:
    """Return the image of a LabelMe file. Shapes of one label and group are one object."""
    name = str(contents.get("imagePath") or "")
    return [AnnotatedImage(name, partial(_decode, path, contents))]


def _decode(path: Path, contents: Any, size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    size = size_of(contents, size, "imageHeight", "imageWidth")
    require_masks(path, len(contents["shapes"]), size)
    objects: dict[Any, np.ndarray] = {}
    for index, shape in enumerate(contents["shapes"]):
        try:
            if shape.get("shape_type") in _NO_AREA:
                say(f"{path}: points and lines have no area, and are left out")
                continue
            mask = _mask(shape, size)
            group = shape.get("group_id")
            key = index if group is None else (shape.get("label"), group)
        except (KeyError, TypeError, ValueError, OverflowError, OSError, AttributeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise SagaError(f"{path}: shape {index} is no shape of LabelMe ({reason}); draw it again.") from error
        objects[key] = objects[key] | mask if key in objects else mask
    return stacked(objects.values(), size, str(path), say)


def _mask(shape: Any, size: Size) -> np.ndarray:  # [h, w]
    kind, points = shape.get("shape_type") or "polygon", np.asarray(shape["points"], np.float64)
    if kind == "polygon":
        return shapes.polygon(points, size)
    if kind == "rectangle" and points.shape == (4, 2):  # of later releases
        return shapes.polygon(points, size)
    if points.shape != (2, 2) or not np.isfinite(points).all():
        raise ValueError(f"a {kind} of {len(points)} points")
    (left, top), (right, bottom) = points.min(0), points.max(0)
    if kind == "rectangle":
        return shapes.box((left, top, right, bottom), size)
    if kind == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        return shapes.ellipse(points[0].tolist(), (radius, radius), size)
    if kind == "mask":
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
            return shapes.placed(np.asarray(image.convert("L")) > 0, round(left), round(top), size)
    raise ValueError(f"the shape_type {kind}")
