"""Masks of one view, eight pixels to a byte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class PackedMasks:
    """The masks of a view as they are kept and remembered: many take megabytes, not hundreds of them."""

    bits: np.ndarray  # [M, ceil(H * W / 8)] uint8
    size: tuple[int, int]
    """H, W."""

    @staticmethod
    def pack(
        masks: np.ndarray,  # [M, H, W] bool
    ) -> PackedMasks:
        """Packs masks; there may be none."""
        count, height, width = masks.shape
        return PackedMasks(np.packbits(masks.reshape(count, height * width), axis=1), (height, width))

    def __len__(self) -> int:
        """Returns the number of masks."""
        return len(self.bits)

    def masks(
        self,
        chosen: np.ndarray | None = None,  # [C]
    ) -> Tensor:  # [C, H, W]
        """Returns some masks, or all, bool [C, H, W] on the CPU."""
        height, width = self.size
        bits = self.bits if chosen is None else self.bits[chosen]
        return torch.from_numpy(np.unpackbits(bits, axis=1, count=height * width).view(bool).reshape(-1, height, width))

    def at(
        self,
        points: np.ndarray,  # [K, 2]
    ) -> np.ndarray:  # [M, K]
        """Whether each mask holds each pixel (x, y), bool [M, K]."""
        places = points[:, 1] * self.size[1] + points[:, 0]
        held: np.ndarray = (self.bits[:, places // 8] >> (7 - places % 8)).astype(np.uint8) & 1
        return held.astype(bool)

    def holding(
        self,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
    ) -> np.ndarray:  # [C]
        """Returns the masks that hold the most points of label 1 and the fewest of label 0, and more of 1 than of 0."""
        held = self.at(points) @ np.where(labels > 0, 1, -1)
        return np.flatnonzero((held == held.max(initial=0)) & (held > 0))
