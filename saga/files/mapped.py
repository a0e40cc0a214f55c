"""Files that are mapped into memory."""

from __future__ import annotations

import contextlib
import mmap

import numpy as np


def let_go(array: np.ndarray) -> None:
    """Lets go of what was read of the file behind an array; the next read takes it from the file again.

    Nothing may have been written to the array, which would be lost. Without effect on arrays that are in memory, and
    where the system has no such advice.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            base.madvise(mmap.MADV_DONTNEED)
