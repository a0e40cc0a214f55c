"""Which kind an annotation file is. A new kind is one file in this folder and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from saga.files.reading import reading
from saga.masks.annotations import coco, cvat, labelme, panoptic, sav
from saga.masks.annotations.image import AnnotatedImage, Size
from saga.masks.pictures import Say
from saga.scene.json_file import read_json

SUFFIXES = (".json", ".xml")
"""File types of annotations."""


@dataclass(frozen=True)
class Kind:
    """A kind of annotation file."""

    name: str
    """What it is called, for people."""
    recognize: Callable[[Any], bool]
    """Whether the contents, JSON values or an XML's root, are of this kind."""
    read: Callable[[Path, Any], list[AnnotatedImage]]
    """Returns the images of the file. Raises SagaError."""


KINDS = (
    Kind("COCO panoptic", panoptic.is_panoptic, panoptic.read_panoptic),
    Kind("COCO instances", coco.is_instances, coco.read_instances),
    Kind("SA-1B", coco.is_segment_anything, coco.read_segment_anything),
    Kind("SA-V", sav.is_sav, sav.read_sav),
    Kind("LabelMe", labelme.is_labelme, labelme.read_labelme),
    Kind("segment-anything's list of masks", coco.is_list, coco.read_list),
    Kind("CVAT", cvat.is_cvat, cvat.read_cvat),
)
"""Tried in this order."""


@dataclass(frozen=True)
class Annotations:
    """An annotation file that was read."""

    path: Path
    """The file."""
    kind: str
    """What it is, for people."""
    images: list[AnnotatedImage]
    """Its photographs."""
    pictures: frozenset[Path]
    """Pictures that belong to it, resolved: on their own they are no further masks."""


def read_annotations(path: Path) -> Annotations | None:
    """Return what an annotation file holds, or None when it is of no kind that is known.

    Raises:
        SagaError: the file cannot be decoded.
    """
    with reading(path, "annotations", "export them again"):
        contents = ElementTree.parse(path).getroot() if path.suffix.lower() == ".xml" else read_json(path)
        kind = next((kind for kind in KINDS if kind.recognize(contents)), None)
        if kind is None:
            return None
        pictures = panoptic.pictures_of(path, contents) if kind.read is panoptic.read_panoptic else set()
        images = [replace(image, decode=partial(_decode, path, image)) for image in kind.read(path, contents)]
        return Annotations(path, kind.name, images, frozenset(pictures))


def _decode(path: Path, image: AnnotatedImage, size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    with reading(path, f"masks of {image.name or 'a photograph'}", "export them again"):
        return image.decode(size, say)
