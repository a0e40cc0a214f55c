"""COCO's instances, and the lists and files of segment-anything that write masks the same way."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.masks import rle
from saga.masks.annotations.image import AnnotatedImage, Size, require_masks, size_of
from saga.masks.annotations.shapes import polygons
from saga.masks.pictures import Say

EXPECTED = 'expected {"segmentation": {"size": [h, w], "counts": ...}}'


def is_instances(contents: Any) -> bool:
    """Whether JSON values are COCO's instances."""
    if not isinstance(contents, dict) or not all(isinstance(contents.get(k), list) for k in ("images", "annotations")):
        return False
    records = contents["annotations"]
    return not records or any(isinstance(record, dict) and "segmentation" in record for record in records)


def read_instances(path: Path, contents: Any) -> list[AnnotatedImage]:
    """Return the images of COCO's instances; polygons, compressed and plain run lengths may be mixed.

    Raises:
        SagaError: an annotation belongs to no image, or an image has no name.
    """
    records: dict[Any, list[Any]] = defaultdict(list)
    for record in contents["annotations"]:
        if isinstance(record, dict):
            records[record.get("image_id")].append(record)
    known = {image.get("id") for image in contents["images"] if isinstance(image, dict)}
    lost = sum(len(those) for number, those in records.items() if number not in known)
    if lost:
        raise SagaError(
            f"{path}: expected every annotation to have an image, found {lost} whose image_id no image has; "
            "export the annotations again."
        )
    return [
        AnnotatedImage(_name(path, image), partial(_decode, path, image, records[image.get("id")]))
        for image in contents["images"]
    ]


def is_segment_anything(contents: Any) -> bool:
    """Whether JSON values are an image of SA-1B."""
    return (
        isinstance(contents, dict)
        and isinstance(contents.get("image"), dict)
        and isinstance(contents.get("annotations"), list)
    )


def read_segment_anything(path: Path, contents: Any) -> list[AnnotatedImage]:
    """Return the image of a file of SA-1B."""
    image = contents["image"]
    return [AnnotatedImage(str(image.get("file_name") or ""), partial(_decode, path, image, contents["annotations"]))]


def is_list(contents: Any) -> bool:
    """Whether JSON values are a list of masks, as segment-anything's amg.py writes for an image."""
    return isinstance(contents, list)


def read_list(path: Path, contents: Any) -> list[AnnotatedImage]:
    """Return the one image of a list of masks.

    Raises:
        SagaError: the list holds the masks of several images, as COCO's results do: it has no names for them.
    """
    numbers = Counter(
        record["image_id"]
        for record in contents
        if isinstance(record, dict) and isinstance(record.get("image_id"), (int, str))
    )
    if len(numbers) > 1:
        raise SagaError(
            f"{path}: expected the masks of one image, found those of {len(numbers)} by numbers alone, as COCO's "
            "results have them; write them with the list of images, as COCO's instances."
        )
    return [AnnotatedImage("", partial(_decode, path, {}, contents))]


def _name(path: Path, image: Any) -> str:
    if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
        raise SagaError(f"{path}: expected a file_name for every image, found none; export the annotations again.")
    extra = image.get("extra")  # of Roboflow, which renames photographs
    original = extra.get("name") if isinstance(extra, dict) else None
    return original if isinstance(original, str) else image["file_name"]


def _decode(path: Path, image: Any, records: list[Any], size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    where = f"{path}: {image['file_name']}" if isinstance(image.get("file_name"), str) else str(path)
    kept = [record for record in records if not (isinstance(record, dict) and record.get("iscrowd") == 1)]
    if len(kept) < len(records):
        say(f"{where}: crowds (iscrowd) are left out: they are no single objects")
    masks: list[np.ndarray] = []
    bare = 0
    for index, record in enumerate(kept):
        try:
            encoded = record["segmentation"]
            if not encoded and image:  # a detection among the instances has only its box
                bare += 1
                continue
            own = _stated(encoded, image, size)
            if not masks:
                require_masks(path, len(kept), own)
            if masks and own != masks[0].shape:
                raise ValueError(f"{own[1]}x{own[0]} where another is {masks[0].shape[1]}x{masks[0].shape[0]}")
            masks.append(_mask(encoded, own))
            if not isinstance(encoded, dict) and not masks[-1].any():
                say(f"{where}: polygons that cover no pixel are left out")
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise SagaError(
                f"{path}: mask {index} is no run-length encoding of the image's size or polygon ({reason}); {EXPECTED}"
            ) from error
    if bare and not masks:
        raise SagaError(f"{where}: expected masks, found {bare} boxes alone; export segmentations too.")
    if bare:
        say(f"{where}: {bare} annotations are boxes without a mask, and are left out")
    return np.stack(masks) if masks else np.zeros((0, *size_of(image, size)), bool)


def _stated(encoded: Any, image: Any, size: Size) -> Size:
    """Returns the size of a mask. Raises ValueError when its image has another."""
    whole = size_of(image, size)
    if isinstance(encoded, dict):
        height, width = (int(side) for side in encoded["size"])
        if image.get("height") is not None and whole != (height, width):
            raise ValueError(f"{width}x{height} where the image is {whole[1]}x{whole[0]}")
        return height, width
    if not image:
        raise ValueError("a polygon in a list that does not state the image's size")
    return whole


def _mask(encoded: Any, size: Size) -> np.ndarray:  # [h, w]
    if isinstance(encoded, dict):
        return rle.decode(encoded["counts"], *size)
    rings = encoded if isinstance(encoded[0], list) else [encoded]
    # Two points are no polygon, and some tools write them where a shape ends in a needle.
    return polygons([ring for ring in rings if len(ring) >= 6], size)
