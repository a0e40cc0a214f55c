"""Sets of Gaussians that take little room: a bit for each, compressed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

_LEVEL = 1
"""Of zlib; higher ones take many times as long for a few per cent."""


@dataclass(frozen=True)
class Bits:
    """Which of N Gaussians belong to a set; two of the same set are equal."""

    count: int
    """Number of Gaussians N."""
    size: int
    """How many of them belong to the set."""
    data: bytes
    """A bit for each Gaussian, eight to a byte, compressed with zlib."""

    @staticmethod
    def of(
        mask: np.ndarray,  # [N] bool
    ) -> Bits:
        """Packs a set."""
        return Bits(len(mask), int(np.count_nonzero(mask)), zlib.compress(np.packbits(mask).tobytes(), _LEVEL))

    @staticmethod
    def read(count: int, data: bytes) -> Bits:
        """Returns the set of N = `count` Gaussians whose `data` is as the attribute has it.

        Raises ValueError or zlib.error for bytes that hold another number of Gaussians; no more room than theirs is
        ever taken.
        """
        unpacked = _unpacked(count, data)
        return Bits(count, int(np.count_nonzero(unpacked)), data)

    def mask(self) -> np.ndarray:  # [N] bool
        """Returns the set, bool [N], as an array of its own."""
        return _unpacked(self.count, self.data)


def _unpacked(count: int, data: bytes) -> np.ndarray:  # [N] bool
    size, stream = (count + 7) // 8, zlib.decompressobj()
    packed = stream.decompress(data, size + 1)
    if len(packed) != size or not stream.eof:
        raise ValueError(f"bits of another number of Gaussians than {count}")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count).view(bool)
