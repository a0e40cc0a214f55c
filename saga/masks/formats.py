"""The mask files of one photograph: label pictures, folders of them, stacks of binary masks, annotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from saga.errors import SagaError
from saga.files.arrays import read_npy, read_npz
from saga.files.reading import reading
from saga.masks.annotations.image import MOST_MASKS, Size
from saga.masks.annotations.table import KINDS, read_annotations
from saga.masks.annotations.yolo import read_yolo
from saga.masks.config import MaskKind
from saga.masks.pictures import Say, is_soft, object_of, read_masks_picture, read_one_object, split_labels
from saga.scene.names import comparable, without_suffix

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""File types of pictures of masks."""
SUFFIXES = (".png", ".npz", ".npy", ".json")
"""File types that hold all masks of one image; a folder of binary PNGs is the fifth way."""
LABELS = (".txt",)
"""File types that hold all masks of one image, and often something else: they count where no others are there."""
LAYOUTS = "label PNG, folder of binary PNGs, .npz, .npy, annotations as JSON, or YOLO's .txt"
"""The same for error messages."""


def read_masks(
    path: Path, kind: MaskKind = "auto", say: Say = lambda line: None, size: Size = (1, 1)
) -> np.ndarray:  # [M, h, w]
    """Return the masks in a file or folder as bool [M, h, w]; M may be 0. Masks without a pixel are left out.

    Args:
        path: a picture, a folder of pictures, an npy, npz or JSON file.
        kind: what gray levels of a picture are.
        say: takes what was assumed.
        size: height and width of the photograph, for annotations that do not state them.

    Raises:
        SagaError: the contents cannot be decoded.
    """
    with reading(path, "masks"):
        if path.is_dir():
            masks = _from_folder(path, kind, say)
        elif path.suffix.lower() in PICTURES:
            masks = read_masks_picture(path, kind, say)
        elif path.suffix.lower() == ".json":
            masks = _from_json(path, size, say)
        elif path.suffix.lower() == ".txt":
            masks = read_yolo(path, size, say)
        else:
            masks = _from_array(path, _npz_array(path, say) if path.suffix.lower() == ".npz" else read_npy(path), say)
    seen = masks.any(axis=(1, 2))
    return masks if seen.all() else masks[seen]


def read_object_pictures(files: Sequence[Path]) -> np.ndarray:  # [M, h, w]
    """Return the one object that each of some pictures of a photograph shows.

    Raises:
        SagaError: a picture cannot be decoded, shows several objects, or has another size than the first.
    """
    masks = [read_one_object(file) for file in files]
    for file, mask in zip(files, masks, strict=True):
        if mask.shape != masks[0].shape:
            raise SagaError(
                f"{file}: is {_size(mask)} where {files[0].name} beside it is {_size(masks[0])}; "
                "give masks of one image the same size"
            )
    stacked = np.stack(masks)
    return stacked[stacked.any(axis=(1, 2))]


def _from_folder(path: Path, kind: MaskKind, say: Say) -> np.ndarray:  # [M, h, w]
    """Pictures of one object each in natural order; amg.py's metadata.csv beside them repeats what they show."""
    files = [file for file in path.iterdir() if file.suffix.lower() in PICTURES and not file.name.startswith(".")]
    files.sort(key=lambda file: ([int(n) for n in re.findall(r"\d+", file.stem)] or [-1], file.name))
    if not files:
        raise SagaError(
            f"{path}: expected pictures in this folder of masks, found none; put one binary PNG per mask in it."
        )
    return read_masks_picture(files[0], kind, say) if len(files) == 1 else read_object_pictures(files)


def _npz_array(path: Path, say: Say) -> np.ndarray:  # [M, h, w] or [h, w]
    """Returns the one array of an archive, the one called masks, or one of an object each."""
    arrays = read_npz(path, ["masks"]) or read_npz(path)
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    each = [array[0] if array.ndim == 3 and len(array) == 1 else array for array in arrays.values()]
    if not each or each[0].ndim != 2 or len({array.shape for array in each}) > 1:
        raise SagaError(
            f"{path}: holds {', '.join(arrays) or 'nothing'}; one array, one named masks, or one [H, W] for each "
            "object, expected"
        )
    say(f"{path}: each of its arrays is an object")
    return np.stack(each)


def _from_array(path: Path, array: np.ndarray, say: Say) -> np.ndarray:  # [M, h, w]
    """Returns binary masks [M, h, w] (or one bool [h, w]), or integer label maps [h, w] or [L, h, w]."""
    if array.ndim == 4 and array.shape[1] == 1:  # a channel of its own, as segment-anything has it
        array = array[:, 0]
    if array.dtype.kind not in "biuf" or array.ndim not in (2, 3):
        raise SagaError(
            f"{path}: is {array.dtype} {list(array.shape)}; binary masks [M, H, W] or integer labels [H, W] expected"
        )
    if array.ndim == 2 and array.dtype.kind == "f":
        raise SagaError(f"{path}: is {array.dtype} {list(array.shape)}; integer labels expected, save it as integers")
    if array.ndim == 3 and array.dtype.kind in "iu" and any(_is_label_map(map) for map in array):
        say(f"{path}: is taken as {len(array)} label maps, not as masks of one object each")
        return np.concatenate([_split(path, map, say) for map in array])
    if array.ndim == 3:
        if len(array) > MOST_MASKS:
            raise SagaError(
                f"{path}: expected at most {MOST_MASKS} masks of a photograph, found {len(array)}; split it."
            )
        return np.stack([_object(mask) for mask in array]) if len(array) else array.astype(bool)
    return _split(path, array, say)


def _is_label_map(
    array: np.ndarray,  # [h, w] integer
) -> bool:
    """Whether an array has more than an object and its background, and is no soft mask."""
    return bool(array.size) and bool(np.any((array != array.min()) & (array != array.max()))) and not is_soft(array)


def _split(path: Path, labels: np.ndarray, say: Say) -> np.ndarray:  # [M, h, w]
    """Returns one mask per label. Where -1 is none, 0 is a label."""
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        say(f"{path}: negative labels count as no object, and 0 as one")
        labels = np.maximum(labels.astype(np.int64), -1) + 1
    return split_labels(path, labels)


def _object(
    mask: np.ndarray,  # [h, w]
) -> np.ndarray:  # [h, w] bool
    """Returns one binary mask, also given as probabilities or logits."""
    if mask.dtype.kind != "f":
        return object_of(mask)
    with np.errstate(invalid="ignore"):
        return mask > (0 if mask.min() < 0 else 0.5 if mask.max() <= 1 else mask.max() / 2)


def _from_json(path: Path, size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    annotations = read_annotations(path)
    if annotations is None:
        known = ", ".join(kind.name for kind in KINDS)
        raise SagaError(f"{path}: expected masks of a photograph ({known}), found other JSON; export one of them.")
    if len(annotations.images) != 1:
        raise SagaError(
            f"{path}: expected the masks of one photograph, found those of {len(annotations.images)}; "
            "give the path of this file itself as masks."
        )
    (image,) = annotations.images
    named = without_suffix(PurePosixPath(image.name.replace("\\", "/")).name)
    if named and comparable(named) != comparable(without_suffix(path.stem)):
        say(f"{path}: names the photograph {image.name}, and is taken for that of its own name")
    return image.decode(size, say)


def _size(mask: np.ndarray) -> str:
    return f"{mask.shape[1]}x{mask.shape[0]}"
