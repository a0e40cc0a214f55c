"""COCO run-length encoding of masks, as segment-anything's `amg.py` writes it.

A mask is read column by column; `counts` are the lengths of its runs, the first run being background. COCO
packs the same counts into a string: from the fourth on each is the difference to the count two places before;
each is written in groups of five bits, least significant first, with its sign; each group is one character
from "0" on, whose bit 5 says that another follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_PIXELS = 1 << 30
"""Pixels of the largest mask that is decoded: a size that is larger was never a photograph's."""


def decode(
    counts: str | Sequence[int],
    height: int,
    width: int,
) -> np.ndarray:  # [H, W]
    """Returns the mask bool [H, W] of one run-length encoding, compressed (string) or not (list of counts).

    Raises ValueError when the counts are malformed or do not add up to H * W.
    """
    if not (height >= 0 and width >= 0 and height * width <= MOST_PIXELS):
        raise ValueError(f"a mask of {width}x{height}, where at most {MOST_PIXELS} pixels are read")
    runs = unpack_counts(counts) if isinstance(counts, str) else np.asarray(counts, dtype=np.int64)
    if runs.ndim != 1 or np.any(runs < 0) or runs.sum() != height * width:
        raise ValueError(f"run lengths do not add up to {height} x {width} pixels")
    values = np.zeros(len(runs), dtype=bool)
    values[1::2] = True
    return np.repeat(values, runs).reshape(width, height).T


def unpack_counts(text: str) -> np.ndarray:  # [R]
    """Returns the run lengths int64 [R] of a compressed COCO string. Raises ValueError when it is malformed."""
    codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    if not len(codes):
        return codes
    last = (codes & 0x20) == 0
    if np.any((codes < 0) | (codes > 0x3F)) or not last[-1]:
        raise ValueError("malformed run-length string")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 8:  # five bits a group: beyond 40 bits no image has such a count
        raise ValueError("malformed run-length string")
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 0x1F) << (5 * place), starts)
    negative = (codes[ends] & 0x10) != 0
    values -= np.where(negative, np.int64(1) << (5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
