"""Pictures of masks: telling label maps, soft masks, colors and cut-outs from each other.

One rule for each doubt, wherever a person's picture is read: an opaque alpha channel says nothing, any other is the
object; gray levels that only lie between two others are a soft edge, not objects; colors are objects, black is none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.files.reading import reading, require_memory
from saga.masks.config import MaskKind
from saga.masks.lossy import FAINTEST, flat_labels, is_lossy

Say = Callable[[str], None]
"""Takes what was assumed, one line for people."""

_MOST_LABELS = 4096
_FLAT_COLORS = 64
"""A picture of more colors than this has blended edges, or is no label map at all."""
_LEAST_FLAT_SHARE = 0.5
"""Share of pixels like all their neighbors in a label map; a photograph has few."""
_EXTREME_LEVELS = 16
"""Levels this close to black or to the brightest one count as these, as compression leaves them."""
_BETWEEN_SHARE = 0.8
"""Share of the levels between that must lie between their neighbors, for them to be an edge."""
_BORDER = 224 << 16 | 224 << 8 | 192
"""The color of index 255 in VOC's palette, whose other colors are of multiples of 64 (for 21 classes)."""
_LEAST_GRAY_LEVEL = 64
"""Labels that are drawn as gray levels to be seen are at least this bright; smaller ones are numbers."""
_VOID = 255
"""The index that VOC and its descendants give to pixels that belong to nothing in particular."""


def read_masks_picture(path: Path, kind: MaskKind = "auto", say: Say = lambda line: None) -> np.ndarray:  # [M, h, w]
    """Return the masks of one image from a picture of them, bool [M, h, w]; M may be 0.

    Raises:
        SagaError: the picture cannot be decoded, or is no picture of masks.
    """
    pixels, void = _decode(path)
    lossy = is_lossy(path)
    if pixels.ndim == 3:
        pixels, covered = _flat(pixels)
        if lossy and covered is None and (kind != "soft" or pixels.ndim == 3):
            labels = _lossy_labels(path, pixels, kind, say)
            if labels is not None:
                return _labels(path, labels)
        if pixels.ndim == 3:
            return _colors(path, pixels, covered, say)
        if covered is not None:
            return _labels(path, np.where(covered, pixels, 0))
    if _has_void(pixels, void):
        say(f"{path}: 255 beside smaller labels counts as no object, as in VOC")
        pixels = np.where(pixels == _VOID, 0, pixels)
    if lossy and kind != "soft":
        labels = _lossy_labels(path, pixels, kind, say)
        if labels is not None:
            return _labels(path, labels)
    if kind == "soft" or (kind == "auto" and (lossy or is_soft(pixels))):
        if kind == "auto":
            say(
                f"{path}: its gray levels are the soft edge of one object, not labels; the mask is what is brighter "
                "than half (--masks-kind labels to have every level as an object)"
            )
        mask = above_half(pixels)
        return mask[None] if mask.any() else mask[None][:0]
    return _labels(path, pixels)


def read_object(path: Path) -> np.ndarray:  # [h, w]
    """Return the one object that a picture shows, bool [h, w]: a mask or a scribble.

    The object is where an alpha channel covers, unless it covers everything; else where the picture is not black, or
    brighter than half where its edge is soft.

    Raises:
        FileNotFoundError: there is no such file.
        SagaError: the picture cannot be decoded.
    """
    pixels, _ = _decode(path)
    if pixels.ndim == 3:
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
        if alpha is not None and (alpha < np.iinfo(alpha.dtype).max).any():
            return above_half(alpha)
        pixels = pixels[..., :3].max(axis=2)
    return object_of(pixels, is_lossy(path))


def read_one_object(path: Path) -> np.ndarray:  # [h, w]
    """Return the object of a picture that shows one object, as `read_object` does.

    Raises:
        SagaError: the picture cannot be decoded, or shows several labels.
    """
    pixels, _ = _decode(path)
    if pixels.ndim == 3 or np.any((pixels > 0) & (pixels < pixels.max())):
        shown = len(read_masks_picture(path))
        if shown > 1:
            raise SagaError(
                f"{path}: expected one object, as beside other pictures of its photograph, found {shown} labels; "
                "keep one picture of all labels, or one for each object."
            )
    return read_object(path)


def object_of(
    pixels: np.ndarray,  # [h, w] integer
    lossy: bool = False,
) -> np.ndarray:  # [h, w] bool
    """Return where a picture of one object shows it: above half where its edge is soft, else where it is not 0."""
    return above_half(pixels) if lossy or is_soft(pixels) else pixels != 0


def above_half(
    pixels: np.ndarray,  # [h, w]
) -> np.ndarray:  # [h, w] bool
    """Return where a picture is brighter than half of its brightest level."""
    return np.asarray(pixels > pixels.max(initial=0) / 2)


def is_soft(
    pixels: np.ndarray,  # [h, w] integer
) -> bool:
    """Whether gray levels are the soft edge of one object, as antialiasing, resizing or compression leave it.

    They are when the brightest level is one that masks use and nearly all pixels between it and black have darker and
    brighter neighbors. The pixels of labels mostly have neighbors like themselves.
    """
    if pixels.dtype.kind not in "ui" or pixels.size == 0:
        return False
    brightest = int(pixels.max())
    if brightest <= np.iinfo(pixels.dtype).max // 2:
        return False
    scale = max(1, np.iinfo(pixels.dtype).max // 255)
    near = min(_EXTREME_LEVELS * scale, brightest // 2)
    between = (pixels > near) & (pixels < brightest - near)
    if not between.any():
        between = (pixels > 0) & (pixels < brightest)
    if not between.any():
        return False
    from scipy.ndimage import maximum_filter, minimum_filter  # loaded when needed: a twentieth of a click

    edge = (minimum_filter(pixels, 3)[between] < pixels[between]) & (
        maximum_filter(pixels, 3)[between] > pixels[between]
    )
    return bool(edge.mean() >= _BETWEEN_SHARE)


def split_labels(
    path: Path,
    labels: np.ndarray,  # [h, w] integer
) -> np.ndarray:  # [M, h, w] bool
    """Return one mask per value of a label map, in ascending order; 0 is none. Raises SagaError for too many."""
    return _labels(path, labels)


def _decode(path: Path) -> tuple[np.ndarray, bool]:  # [h, w] or [h, w, 3 or 4]
    """Returns the pixels of a picture as stored, and whether they are indices of a palette."""
    with reading(path, "a picture", passing=(FileNotFoundError,)), Image.open(path) as image:
        require_memory(path, f"a picture of {image.width}x{image.height}", 4 * image.width * image.height)
        if image.mode == "1":  # straight from Pillow, True would be stored as 255
            return np.asarray(image.convert("L")), False
        if image.mode == "P" and "transparency" not in image.info:
            return np.asarray(image), True
        if image.mode in ("L", "I", "I;16", "I;16B"):
            return np.asarray(image), False
        return np.asarray(image.convert("RGBA")), False


def _lossy_labels(
    path: Path,
    pixels: np.ndarray,  # [h, w] or [h, w, 3]
    kind: MaskKind,
    say: Say,
) -> np.ndarray | None:  # [h, w]
    """Returns the labels of a lossy picture, and says so; None when it is a mask of one object.

    Raises:
        SagaError: it is a photograph, or too dark for labels to be told apart.
    """
    if 0 < pixels.max(initial=0) < FAINTEST:
        raise SagaError(
            f"{path}: expected labels that compression cannot have changed, found levels up to {pixels.max()} in a "
            "lossy picture; write it as PNG."
        )
    labels = flat_labels(pixels)
    if labels is None:
        if pixels.ndim == 2:
            return None
        raise SagaError(
            f"{path}: expected a picture of masks, found colors as in a photograph; give one value or one color per "
            "object, 0 or black for none"
        )
    if pixels.ndim == 2 and labels.max(initial=0) < 2 and kind == "auto":
        return None
    what = "color" if pixels.ndim == 3 else "level"
    say(f"{path}: each {what} of its areas is an object, whose edges are where lossy compression left them")
    return labels


def _has_void(
    pixels: np.ndarray,  # [h, w] integer
    palette: bool,
) -> bool:
    """Whether 255 marks what belongs to no object: beside others in a palette, or beside small ones as gray."""
    if pixels.dtype != np.uint8 or not np.any(pixels == _VOID):
        return False
    others = np.unique(pixels[(pixels != 0) & (pixels != _VOID)])
    return len(others) > 0 and (palette or (int(others.max()) < _LEAST_GRAY_LEVEL and not is_soft(pixels)))


def _flat(
    pixels: np.ndarray,  # [h, w, 4]
) -> tuple[np.ndarray, np.ndarray | None]:  # [h, w] or [h, w, 3]; [h, w] bool
    """Returns gray as one channel, and where the alpha channel covers; None when it covers everything."""
    alpha = pixels[..., 3]
    covered = None if (alpha == 255).all() else above_half(alpha)
    colors = pixels[..., :3]
    return (colors[..., 0] if (colors == colors[..., :1]).all() else colors), covered


def _colors(
    path: Path,
    colors: np.ndarray,  # [h, w, 3]
    covered: np.ndarray | None,  # [h, w] bool
    say: Say,
) -> np.ndarray:  # [M, h, w]
    """Returns one mask per color; a cut-out of many colors is one object."""
    from scipy.ndimage import maximum_filter, minimum_filter

    labels = (colors.astype(np.int64) * (1 << 16, 1 << 8, 1)).sum(axis=2)
    if covered is not None:
        labels = np.where(covered, labels + 1, 0)  # black is a color where there is a transparent background
    values, flat = np.unique(labels), minimum_filter(labels, 3) == maximum_filter(labels, 3)
    if len(values) > _FLAT_COLORS:
        if covered is not None:
            say(f"{path}: is a cut-out; its alpha channel is the mask")
            return covered[None]
        if flat.mean() < _LEAST_FLAT_SHARE:
            raise SagaError(
                f"{path}: expected a picture of masks, found {len(values)} colors as in a photograph; "
                "give one value or one color per object, 0 or black for none"
            )
        say(f"{path}: colors between those of the objects count as none: its edges are blended")
        labels = np.where(np.isin(labels, np.unique(labels[flat])), labels, 0)
    else:
        say(f"{path}: each color is an object, black is none")
        if _BORDER in values and np.all(_channels(values[values != _BORDER]) % 64 == 0):
            say(f"{path}: the border of VOC's colors, 224 224 192, counts as no object")
            labels = np.where(labels == _BORDER, 0, labels)
    return _labels(path, labels)


def _channels(
    values: np.ndarray,  # [V]
) -> np.ndarray:  # [3, V]
    """Returns red, green and blue of colors that were put into one number."""
    return np.stack([values >> 16, values >> 8 & 255, values & 255])


def _labels(
    path: Path,
    labels: np.ndarray,  # [h, w] integer
) -> np.ndarray:  # [M, h, w]
    values = np.unique(labels)
    values = values[values != 0]
    if len(values) > _MOST_LABELS:
        raise SagaError(
            f"{path}: {len(values)} different labels, at most {_MOST_LABELS} expected; "
            "a label image has one value per object and 0 for none"
        )
    require_memory(path, f"{len(values)} objects of {labels.shape[1]}x{labels.shape[0]}", len(values) * labels.size)
    return np.asarray(labels[None] == values[:, None, None])
