"""Pixels by the set of masks that they lie in."""

from __future__ import annotations

import numpy as np


def patterns(
    members: np.ndarray,  # [M, P]
) -> tuple[np.ndarray, np.ndarray]:  # [U, M], [P]
    """Returns the distinct sets of masks among P pixels: members bool [U, M] and each pixel's pattern int64 [P]."""
    packed = np.ascontiguousarray(np.packbits(members, axis=0).T)
    keys = packed.view([("", packed.dtype)] * packed.shape[1])[:, 0]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return members[:, first].T.copy(), inverse.astype(np.int64)
