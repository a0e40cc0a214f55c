"""The mask files a person may have: label images, stacks of binary masks, segment-anything's JSON."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.masks import rle

SUFFIXES = (".png", ".npz", ".npy", ".json")
"""File types that hold all masks of one image; a folder of binary PNGs is the fifth way."""
LAYOUTS = "label PNG, folder of binary PNGs, .npz, .npy, or segment-anything's JSON"
"""The same for error messages."""
_MOST_LABELS = 4096


def read_masks(path: Path) -> np.ndarray:  # [M, h, w]
    """All masks of one image, bool [M, h, w], from a file or folder in any supported layout.

    Masks without a pixel are left out. Raises SagaError when the file cannot be decoded.
    """
    if path.is_dir():
        masks = _from_folder(path)
    else:
        readers = {".png": _from_png, ".npz": _from_npz, ".npy": _from_npy, ".json": _from_json}
        masks = readers[path.suffix.lower()](path)
    seen = masks.any(axis=(1, 2))
    return masks if seen.all() else masks[seen]


def _from_png(path: Path) -> np.ndarray:  # [M, h, w]
    return _split_labels(path, _read_png(path))


def _from_folder(path: Path) -> np.ndarray:  # [M, h, w]
    """Binary PNGs in natural order; amg.py's metadata.csv beside them repeats what they show."""
    files = sorted(path.glob("*.png"), key=lambda file: [int(n) for n in re.findall(r"\d+", file.stem)] or [-1])
    if not files:
        raise SagaError(f"{path}: no PNG found in this folder of masks; put one binary PNG per mask in it")
    masks = [_read_png(file) != 0 for file in files]
    for file, mask in zip(files, masks, strict=True):
        if mask.shape != masks[0].shape:
            raise SagaError(
                f"{file}: is {_size(mask)} where {files[0].name} beside it is {_size(masks[0])}; "
                "give masks of one image the same size"
            )
    return np.stack(masks)


def _read_png(path: Path) -> np.ndarray:  # [h, w]
    """The single channel of a PNG: gray of 1, 8 or 16 bits, or the indices of a palette."""
    try:
        with Image.open(path) as image:
            # Straight from Pillow, the True of a 1-bit picture would be stored as 255.
            pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SagaError(f"{path}: cannot be read as a PNG ({error}); write it again") from error
    if pixels.ndim == 2:
        return pixels
    colors = pixels[..., : 1 if pixels.shape[2] == 2 else 3]  # without the alpha channel
    if np.any(colors != colors[..., :1]):
        raise SagaError(
            f"{path}: is a color image, a mask PNG has one channel or a palette (0 = none); save it as such"
        )
    return colors[..., 0]


def _split_labels(
    path: Path,
    labels: np.ndarray,  # [h, w]
) -> np.ndarray:  # [M, h, w]
    values = np.unique(labels)
    values = values[values != 0]
    if len(values) > _MOST_LABELS:
        raise SagaError(
            f"{path}: {len(values)} different labels, at most {_MOST_LABELS} expected; "
            "a label image has one value per object and 0 for none"
        )
    return labels[None] == values[:, None, None]


def _from_npy(path: Path) -> np.ndarray:  # [M, h, w]
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SagaError(f"{path}: cannot be read as a NumPy array ({error}); write it again") from error
    return _from_array(path, array)


def _from_npz(path: Path) -> np.ndarray:  # [M, h, w]
    try:
        with np.load(path, allow_pickle=False) as archive:
            name = archive.files[0] if len(archive.files) == 1 else "masks"
            if name not in archive.files:
                raise SagaError(
                    f"{path}: holds {', '.join(archive.files) or 'nothing'}; one array, or one named masks, expected"
                )
            array = archive[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SagaError(f"{path}: cannot be read as a NumPy archive ({error}); write it again") from error
    return _from_array(path, array)


def _from_array(path: Path, array: np.ndarray) -> np.ndarray:  # [M, h, w]
    """Binary masks [M, h, w] (or one bool [h, w]), or an integer label map [h, w]."""
    if array.dtype.kind not in "biuf" or array.ndim not in (2, 3):
        raise SagaError(
            f"{path}: is {array.dtype} {list(array.shape)}; binary masks [M, H, W] or integer labels [H, W] expected"
        )
    if array.ndim == 3:
        return array != 0
    if array.dtype.kind == "f":
        raise SagaError(f"{path}: is {array.dtype} {list(array.shape)}; integer labels expected, save it as integers")
    return _split_labels(path, array)


def _from_json(path: Path) -> np.ndarray:  # [M, h, w]
    try:
        records: Any = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SagaError(f"{path}: cannot be read as JSON ({error}); write it again") from error
    if not isinstance(records, list):
        raise SagaError(f"{path}: holds {type(records).__name__}; a list of masks as segment-anything writes expected")
    masks: np.ndarray = np.zeros((0, 1, 1), dtype=bool)
    for index, record in enumerate(records):
        try:
            encoded = record["segmentation"]
            height, width = (int(n) for n in encoded["size"])
            mask = rle.decode(encoded["counts"], height, width)
            if index == 0:
                masks = np.empty((len(records), height, width), dtype=bool)
            masks[index] = mask
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SagaError(
                f"{path}: mask {index} is no run-length encoding of the image's size ({_reason(error)}); "
                'expected {"segmentation": {"size": [h, w], "counts": ...}}'
            ) from error
    return masks


def _reason(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _size(mask: np.ndarray) -> str:
    return f"{mask.shape[1]}x{mask.shape[0]}"
