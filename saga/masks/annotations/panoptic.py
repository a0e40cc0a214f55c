"""COCO's panoptic segmentation: a JSON for all images, and for each a PNG whose colors are numbers of segments."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.files.reading import reading, require_memory
from saga.files.special import real_path
from saga.masks.annotations.image import AnnotatedImage, Size, require_masks
from saga.masks.pictures import Say

_TIMES = 40
"""Bytes of memory that a pixel takes until its segment is known."""


def is_panoptic(contents: Any) -> bool:
    """Whether JSON values are a panoptic segmentation."""
    records = contents.get("annotations") if isinstance(contents, dict) else None
    return isinstance(records, list) and any(
        isinstance(record, dict) and "segments_info" in record for record in records
    )


def read_panoptic(path: Path, contents: Any) -> list[AnnotatedImage]:
    """Return the images of a panoptic segmentation; their PNGs are looked for when they are asked for.

    Raises:
        SagaError: an annotation has no file_name.
    """
    names = {
        image.get("id"): image.get("file_name") for image in contents.get("images") or [] if isinstance(image, dict)
    }
    images = []
    for record in contents["annotations"]:
        if not isinstance(record, dict) or not isinstance(record.get("file_name"), str):
            raise SagaError(f"{path}: expected a file_name for every annotation, found none; export it again.")
        name = names.get(record.get("image_id"))
        images.append(AnnotatedImage(str(name or record["file_name"]), partial(_decode, path, record)))
    return images


def picture_of(path: Path, name: str) -> Path | None:
    """Return the PNG that a panoptic JSON calls `name`, if it is there: beside the JSON or in a folder beside it."""
    near = [path.parent / path.stem, path.parent, path.parent / "panoptic", path.parent / "masks"]
    others = sorted(folder for folder in path.parent.iterdir() if folder.is_dir())
    return next((folder / name for folder in (*near, *others) if (folder / name).is_file()), None)


def pictures_of(path: Path, contents: Any) -> set[Path]:
    """Return the PNGs that belong to a panoptic JSON: on their own they are no further masks."""
    names = [record["file_name"] for record in contents["annotations"] if isinstance(record, dict)]
    return {real_path(found) for name in names if (found := picture_of(path, name)) is not None}


def _decode(path: Path, record: Any, size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    file = picture_of(path, record["file_name"])
    if file is None:
        raise SagaError(
            f"{path}: expected its picture {record['file_name']} beside it or in a folder there, found none; "
            f"put the PNGs into {path.parent / path.stem}."
        )
    try:
        with reading(file, "a panoptic segmentation", "export it again"), Image.open(file) as image:
            require_memory(file, f"a picture of {image.width}x{image.height}", _TIMES * image.width * image.height)
            pixels = np.asarray(image.convert("RGB")).astype(np.int64)
        segments = {int(segment["id"]): segment.get("iscrowd") == 1 for segment in record["segments_info"]}
    except (OSError, SyntaxError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SagaError(
            f"{file}: expected a panoptic segmentation, found what is none ({error}); export it again."
        ) from error
    numbers = pixels[..., 0] + 256 * pixels[..., 1] + 65536 * pixels[..., 2]
    shown = set(np.unique(numbers).tolist()) - {0}
    if shown and not shown & segments.keys():
        raise SagaError(
            f"{file}: expected the segments of {path}, found none of their numbers among its colors; "
            "give the PNGs that were written with it."
        )
    if shown - segments.keys():
        say(f"{file}: colors that are no segment of {path} count as none")
    if any(segments.values()):
        say(f"{file}: crowds (iscrowd) are left out: they are no single objects")
    kept = [number for number, crowd in segments.items() if number in shown and not crowd]
    require_masks(path, len(kept), numbers.shape)
    return np.asarray(numbers[None] == np.array(kept, np.int64).reshape(-1, 1, 1))
