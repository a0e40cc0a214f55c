"""CVAT's XML for images (1.1), and for video (1.1)."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from saga.errors import SagaError
from saga.masks import rle
from saga.masks.annotations import shapes
from saga.masks.annotations.image import AnnotatedImage, Size, require_masks, size_of, stacked
from saga.masks.pictures import Say

_NO_AREA = ("points", "polyline", "cuboid", "skeleton")


def is_cvat(contents: Any) -> bool:
    """Whether an XML is CVAT's."""
    return isinstance(contents, Element) and contents.tag == "annotations"


def read_cvat(path: Path, contents: Element) -> list[AnnotatedImage]:
    """Return the images of a CVAT file; the frames of a video are called by their numbers.

    Raises:
        SagaError: there are neither images nor tracks in it, or one is damaged.
    """
    images = [
        AnnotatedImage(image.get("name", ""), partial(_decode, path, dict(image.attrib), list(image)))
        for image in contents.iter("image")
    ]
    if images or contents.find("track") is None:
        return images
    frames: dict[int, list[Element]] = defaultdict(list)
    for track in contents.iter("track"):
        for shape in track:
            try:
                number = int(shape.get("frame", ""))
            except ValueError as error:
                raise SagaError(
                    f"{path}: expected a frame for each shape of a track, found none ({error}); export it again."
                ) from error
            if shape.get("outside") != "1":
                frames[number].append(shape)
    original = contents.find("meta/task/original_size")
    stated = {} if original is None else {key: original.findtext(key) for key in ("height", "width")}
    return [
        AnnotatedImage(f"{number:06d}", partial(_decode, path, stated, frames[number])) for number in sorted(frames)
    ]


def _decode(path: Path, image: dict[str, Any], drawn: list[Element], size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    objects: dict[Any, np.ndarray] = {}
    where = f"{path}: {image.get('name', 'a frame')}"
    require_masks(path, len(drawn), size_of(image, size))
    for index, shape in enumerate(drawn):
        if shape.tag in ("tag", "attribute"):
            continue
        if shape.tag in _NO_AREA:
            say(f"{where}: points, lines and cuboids have no area, and are left out")
            continue
        try:
            size = size_of(image, size)
            mask = _mask(shape, size)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise SagaError(f"{where}: shape {index} is no shape of CVAT ({reason}); export it again.") from error
        group = shape.get("group_id", "0")
        key = index if group == "0" else (shape.get("label"), group)
        objects[key] = objects[key] | mask if key in objects else mask
    return stacked(objects.values(), size_of(image, size), where, say)


def _mask(shape: Element, size: Size) -> np.ndarray:  # [h, w]
    def numbers(*keys: str) -> list[float]:
        return [float(shape.attrib[key]) for key in keys]

    turn = float(shape.get("rotation", "0"))
    if shape.tag == "polygon":
        return shapes.polygon([[float(x) for x in pair.split(",")] for pair in shape.attrib["points"].split(";")], size)
    if shape.tag == "box":
        return shapes.box(numbers("xtl", "ytl", "xbr", "ybr"), size, turn)
    if shape.tag == "ellipse":
        return shapes.ellipse(numbers("cx", "cy"), numbers("rx", "ry"), size, turn)
    if shape.tag == "mask":
        left, top, width, height = map(int, numbers("left", "top", "width", "height"))
        counts = [int(count) for count in shape.attrib["rle"].split(",")]
        # COCO's runs go down the columns, CVAT's along the rows of the mask's box.
        return shapes.placed(rle.decode(counts, width, height).T, left, top, size)
    raise ValueError(f"the element {shape.tag}")
