"""Prompts: what a person points at in one view, checked against the view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from saga.errors import SagaError
from saga.masks.pictures import read_object
from saga.scene import Camera
from saga.scene.lens import image_to_pinhole, points_to_pinhole

Point = tuple[float, float]


@dataclass(frozen=True)
class Prompt:
    """One prompt in one view. Pixels are (x, y), the top left corner of the image is 0, 0.

    They are pixels of the view's photograph as it is on disk, distorted by its lens or not; of a camera that is no view
    of the scene they are its own. Give points, or a
    scribble, or a mask, or a box; negative points go with any of them.
    """

    view: str | Camera
    """Name of the view, e.g. "0003.jpg", or any camera: a person may look at the scene from anywhere."""
    points: Sequence[Point] = ()
    """Pixels on the object."""
    negative: Sequence[Point] = ()
    """Pixels that do not belong to the object."""
    scribble: str | Path | np.ndarray | Sequence[Point] | None = None
    """A PNG (drawn where not transparent, or not black), a bool array [H, W], or a polyline of pixels."""
    mask: str | Path | np.ndarray | None = None
    """A PNG (the object where not transparent, or not black) or a bool array [H, W]."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 around the object."""
    rim: float = 0.0
    """Width in pixels of the band along the outline of `mask` that decides nothing, half of it on either side: as far
    as a line drawn by hand may be off."""

    def describe(self) -> dict[str, Any]:
        """Returns the prompt as JSON values; arrays are named, not copied."""
        named = {"scribble": self.scribble, "mask": self.mask}
        parts: dict[str, Any] = {
            "points": [list(p) for p in self.points],
            "negative": [list(p) for p in self.negative],
            "box": None if self.box is None else list(self.box),
        }
        parts |= {"rim": self.rim} if self.rim else {}
        parts |= {k: str(v) if isinstance(v, (str, Path)) else "given" for k, v in named.items() if v is not None}
        return {k: v for k, v in parts.items() if v is not None and v != []}


@dataclass(frozen=True)
class CheckedPrompt:
    """A prompt whose parts are known to lie in the view, in pixels of the view's ideal pinhole.

    Where the photograph has a lens these are other pixels than those of the prompt.
    """

    points: np.ndarray  # [K, 2] int64
    negative: np.ndarray  # [L, 2] int64
    scribble: np.ndarray | None  # [H, W] bool
    mask: np.ndarray | None  # [H, W] bool
    box: tuple[int, int, int, int] | None
    undecided: np.ndarray | None = None  # [H, W] bool
    """Pixels of the mask's rim, which decide nothing; None without a rim."""

    @property
    def positive(self) -> bool:
        """Whether it points at an object, and not only at what the object is not."""
        return len(self.points) > 0 or any(part is not None for part in (self.scribble, self.mask, self.box))

    @property
    def for_sam(self) -> bool:
        """Whether SAM can make a mask of it."""
        return len(self.points) > 0 or self.mask is not None or self.box is not None


def check(prompt: Prompt, camera: Camera, only_negative: bool = False) -> CheckedPrompt:
    """Reads and validates a prompt and takes it from the photograph's pixels to the ideal pinhole's.

    Args:
        prompt: what was asked, in pixels of the photograph.
        camera: the view's camera.
        only_negative: whether a prompt may have nothing but negative points.

    Raises:
        SagaError: nothing positive to go by, more than one kind of prompt, a point or box outside the
            image or where the ideal pinhole sees nothing of the photograph, an unreadable or empty picture,
            or one of another size.
    """
    kinds = {
        "points": len(prompt.points) > 0,
        "scribble": prompt.scribble is not None,
        "mask": prompt.mask is not None,
        "box": prompt.box is not None,
    }
    given = [name for name, present in kinds.items() if present]
    if len(given) > 1 or (not given and not (only_negative and len(prompt.negative) > 0)):
        found = " and ".join(given) if given else "none of them"
        raise SagaError(f"prompt: expected one of points, scribble, mask or box, found {found}.")
    scribble = None if prompt.scribble is None else _scribble(prompt.scribble, camera)
    mask = None if prompt.mask is None else _picture(prompt.mask, camera, "mask")
    mask = None if mask is None else _region_seen(mask, camera, "mask")
    return CheckedPrompt(
        _points_seen(_points(prompt.points, camera), camera),
        _points_seen(_points(prompt.negative, camera), camera),
        None if scribble is None else _region_seen(scribble, camera, "scribble"),
        mask,
        None if prompt.box is None else _box_seen(_box(prompt.box, camera), camera),
        None if mask is None else _rim(mask, prompt.rim),
    )


def _points_seen(
    pixels: np.ndarray,  # [K, 2] int64
    camera: Camera,
) -> np.ndarray:  # [K, 2] int64
    """Returns pixels of the pinhole that show the centers of pixels of the photograph."""
    if camera.lens is None:
        return pixels
    seen = np.floor(points_to_pinhole(camera, pixels + 0.5))
    for (x, y), at in zip(pixels.tolist(), seen, strict=True):
        if not ((at >= 0) & (at < (camera.width, camera.height))).all():
            raise SagaError(
                f"point {x},{y}: expected a pixel that the undistorted view of {camera.name} shows too, found one at "
                "the rim of its photograph; click nearer to the middle."
            )
    return np.asarray(seen.astype(np.int64))


def _region_seen(
    region: np.ndarray,  # [H, W] bool
    camera: Camera,
    kind: str,
) -> np.ndarray:  # [H, W] bool
    """Returns what the pinhole sees of a region of the photograph."""
    seen = image_to_pinhole(camera, region, order=0)
    if not seen.any():
        raise SagaError(
            f"{kind}: expected something that the undistorted view of {camera.name} shows too, found only the rim of "
            "its photograph; draw nearer to the middle."
        )
    return seen


def _rim(
    mask: np.ndarray,  # [H, W] bool
    width: float,
) -> np.ndarray | None:  # [H, W] bool
    """Returns the pixels within half of `width` of a mask's outline; fewer of a small mask, some of which stays."""
    if not math.isfinite(width) or width < 0:
        raise SagaError(f"rim: expected a width in pixels that is finite and not negative, found {width}; mend it.")
    picture, reach = Image.fromarray(mask.astype(np.uint8) * np.uint8(255)), float(width) / 2
    while reach >= 0.5:
        mean = np.asarray(picture.filter(ImageFilter.BoxBlur(reach)))
        if (mean[mask] == 255).any():
            return np.asarray((mean > 0) & (mean < 255))
        reach /= 2
    return None


def _box_seen(box: tuple[int, int, int, int], camera: Camera) -> tuple[int, int, int, int]:
    """Returns the box of the pinhole around what it sees of a box of the photograph."""
    if camera.lens is None:
        return box
    region = np.zeros((camera.height, camera.width), bool)
    region[box[1] : box[3], box[0] : box[2]] = True
    rows, columns = np.nonzero(_region_seen(region, camera, "box"))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def _points(points: Sequence[Point], camera: Camera) -> np.ndarray:  # [K, 2]
    pixels = np.floor(np.asarray(points, np.float64).reshape(-1, 2)).astype(np.int64)
    for (x, y), given in zip(pixels, points, strict=True):
        if not (0 <= x < camera.width and 0 <= y < camera.height):
            raise SagaError(
                f"point {given[0]:g},{given[1]:g}: expected a pixel of {camera.name}, which is {camera.width} x "
                f"{camera.height} (x from 0 to {camera.width - 1}, y from 0 to {camera.height - 1})."
            )
    return pixels


def _box(box: Sequence[float], camera: Camera) -> tuple[int, int, int, int]:
    if not np.isfinite(box).all():
        raise SagaError(f"box {box}: expected four finite numbers of pixels, x0, y0, x1, y1.")
    x0, y0, x1, y1 = (round(v) for v in box)
    clipped = max(x0, 0), max(y0, 0), min(x1, camera.width), min(y1, camera.height)
    if x1 <= x0 or y1 <= y0 or clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
        raise SagaError(
            f"box {x0},{y0},{x1},{y1}: expected x0 < x1 and y0 < y1 inside {camera.name}, "
            f"which is {camera.width} x {camera.height}."
        )
    return clipped


def _scribble(scribble: Any, camera: Camera) -> np.ndarray:  # [H, W]
    if isinstance(scribble, (str, Path, np.ndarray)):
        return _picture(scribble, camera, "scribble")
    pixels = _points(scribble, camera)
    canvas = Image.new("L", (camera.width, camera.height))
    ImageDraw.Draw(canvas).line([tuple(p) for p in pixels.tolist()] * (2 if len(pixels) == 1 else 1), fill=1, width=3)
    return np.asarray(canvas) > 0


def _picture(picture: str | Path | np.ndarray, camera: Camera, kind: str) -> np.ndarray:  # [H, W]
    name = kind if isinstance(picture, np.ndarray) else str(picture)
    drawn = picture.astype(bool) if isinstance(picture, np.ndarray) else _read(Path(picture), kind)
    if drawn.shape != (camera.height, camera.width):
        raise SagaError(
            f"{name}: expected a {kind} of {camera.width} x {camera.height} as {camera.name}, "
            f"found {drawn.shape[-1]} x {drawn.shape[0]}."
        )
    if kind == "scribble" and drawn.all():
        raise SagaError(
            f"{name}: expected strokes on black or on a transparent picture, found every pixel drawn; "
            "leave out the background."
        )
    if not drawn.any():
        raise SagaError(f"{name}: expected a {kind} with something drawn on it, found an empty one.")
    return drawn


def _read(path: Path, kind: str) -> np.ndarray:  # [H, W]
    try:
        return read_object(path)
    except FileNotFoundError as error:
        raise SagaError(f"{path}: expected a {kind}, found no such file; give a PNG of the view's size.") from error
    except IsADirectoryError as error:
        raise SagaError(f"{path}: expected a PNG of a {kind}, found a folder.") from error
