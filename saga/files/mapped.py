"""Files that are mapped into memory."""

from __future__ import annotations

import contextlib
import mmap

import numpy as np


def let_go(array: np.ndarray) -> None:
    """Lets go of what was read of the file behind an array; the next read takes it from the file again.

    Without effect on arrays that are in memory or may have been written to, which would be lost, and where the system
    has no such advice.
    """
    base: object = array
    if array.flags.writeable:
        return
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            base.madvise(mmap.MADV_DONTNEED)
