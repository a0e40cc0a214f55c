"""Sets of Gaussians as masks: their size and their rows, at the speed of memory.

A click takes dozens of these of all Gaussians of a scene. On the CPU, NumPy counts and lists booleans several times
as fast as PyTorch does.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def size_of(
    mask: Tensor,  # [N] bool
) -> int:
    """Returns how many entries are true."""
    return int(np.count_nonzero(mask.numpy()) if mask.device.type == "cpu" else mask.count_nonzero())


def rows_of(
    mask: Tensor,  # [N] bool
) -> Tensor:  # [n] int64
    """Returns the rows of the true entries, ascending."""
    return torch.from_numpy(np.flatnonzero(mask.numpy())) if mask.device.type == "cpu" else mask.nonzero()[:, 0]


def picked(
    values: Tensor,  # [N, ...]
    mask: Tensor,  # [N] bool
) -> Tensor:  # [n, ...]
    """Returns the rows of an array at which a mask is true, which is `values[mask]`."""
    return values.index_select(0, rows_of(mask))
