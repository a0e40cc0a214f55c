"""Memory figures of this process and its GPU."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

import torch

_RESET = Path("/proc/self/clear_refs")


def give_back() -> None:
    """Gives memory that is free within the process back to the system, where that can be asked for (glibc).

    Arrays of some megabytes are freed into the process otherwise, in pieces that later ones do not fit into: the memory
    of stages would add up.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory_megabytes() -> float:
    """Returns the most memory this process has held since it began, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


class PeakMemory:
    """Peak memory since it was made: the process's resident memory, and the GPU's allocated memory.

    Where the system cannot forget an earlier peak (anywhere but Linux), the process's is that since it began.
    """

    def __init__(self) -> None:
        """Forgets earlier peaks, as far as the system can."""
        if torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()
        with contextlib.suppress(OSError):
            _RESET.write_text("5", encoding="ascii")  # proc(5): resets the peak resident set size

    def megabytes(self) -> dict[str, float]:
        """Returns "process" and, when a GPU is in use, "gpu", in MB."""
        peaks = {"process": _resident_peak() or peak_memory_megabytes()}
        if torch.cuda.is_initialized():
            peaks["gpu"] = round(torch.cuda.max_memory_allocated() / 1e6, 1)
        return peaks


def _resident_peak() -> float | None:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return None if kilobytes is None else round(int(kilobytes) * 1024 / 1e6, 1)
