"""SA-V: the masks of a video in one JSON, for every fourth of its frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.masks import rle
from saga.masks.annotations.image import AnnotatedImage, Size, require_masks
from saga.masks.pictures import Say

FRAMES_APART = 4
"""Frames of the video (24 a second) from one that is annotated (6 a second) to the next."""


def is_sav(contents: Any) -> bool:
    """Whether JSON values are a video's of SA-V."""
    return isinstance(contents, dict) and isinstance(contents.get("masklet"), list)


def read_sav(path: Path, contents: Any) -> list[AnnotatedImage]:
    """Return the annotated frames, called by their numbers in the video."""
    frames = contents["masklet"]
    return [
        AnnotatedImage(f"{FRAMES_APART * index:05d}", partial(_decode, path, index, frame))
        for index, frame in enumerate(frames)
    ]


def _decode(path: Path, index: int, frame: Any, size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    try:
        if frame:
            height, width = map(int, frame[0]["size"])
            require_masks(path, len(frame), (height, width))
        masks = [rle.decode(encoded["counts"], *map(int, encoded["size"])) for encoded in frame]
        return np.stack(masks) if masks else np.zeros((0, *size), bool)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SagaError(f"{path}: frame {index} holds no run-length encodings ({error}); download it again.") from error


def numbered_as(images: list[AnnotatedImage], numbers: list[int], where: Path) -> tuple[list[AnnotatedImage], str]:
    """Return the frames called as photographs count them, and what was assumed.

    Photographs are all frames of the video, or only those that are annotated.

    Args:
        images: what `read_sav` returned.
        numbers: the numbers of the photographs.
        where: the file, for the message.

    Raises:
        SagaError: the numbers do not tell.
    """
    if not numbers or max(numbers) >= len(images) or all(number % FRAMES_APART == 0 for number in numbers):
        return images, "photographs counted as frames of the video, of which every fourth is annotated"
    if sorted(numbers) == list(range(len(images))):
        named = [AnnotatedImage(f"{index:05d}", image.decode) for index, image in enumerate(images)]
        return named, "photographs counted as the annotated frames alone"
    raise SagaError(
        f"{where}: expected photographs that are counted as the frames of the video or as its {len(images)} annotated "
        f"ones, found numbers from {min(numbers)} to {max(numbers)} that may be either; give all of one or the other."
    )
