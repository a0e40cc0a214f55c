"""NumPy's files, read without trusting their headers: no pickles, and no array that is larger than its file says."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from saga.errors import SagaError
from saga.files.reading import reading, require_memory

_MOST_INFLATED = 1100
"""A byte of a deflated archive holds at most so many of the original's: 1032, and the archive's own rounding."""


def read_npy(path: Path, expected: str = "a NumPy array", advice: str = "write it again") -> np.ndarray:
    """Reads an .npy file. Raises SagaError when it is damaged, holds Python objects or is larger than memory."""
    with reading(path, expected, advice), path.open("rb") as file:
        return read_member(path, file, path.stat().st_size)


def read_npz(
    path: Path,
    names: Sequence[str] | None = None,
    expected: str = "a NumPy archive",
    advice: str = "write it again",
) -> dict[str, np.ndarray]:
    """Reads arrays of an .npz file by their names: those of `names` that are there, or all. Raises as `read_npy`."""
    with reading(path, expected, advice), zipfile.ZipFile(path) as archive:
        found = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        chosen = found if names is None else {name: found[name] for name in names if name in found}
        return {name: read_entry(path, archive, entry) for name, entry in chosen.items()}


def read_entry(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """Reads one array of an open archive at `path`. Raises what zipfile and NumPy raise: call it inside `reading`."""
    if entry.file_size > _MOST_INFLATED * (entry.compress_size + 64):
        raise ValueError(f"{entry.filename} of {entry.compress_size} bytes that claim to be {entry.file_size}")
    with archive.open(entry) as file:
        return read_member(path, file, entry.file_size)


def read_member(path: Path, file: IO[bytes], size: int) -> np.ndarray:
    """Reads one array of `size` bytes, header included, from a stream that begins with it; as `read_entry`."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, in_fortran_order, dtype = header(file)
    if dtype.hasobject:
        raise SagaError(f"{path}: expected numbers, found Python objects, which could run code; write numbers.")
    if dtype.itemsize == 0 or any(side < 0 for side in shape) or dtype.itemsize * math.prod(shape) > size:
        raise ValueError(f"a header of {dtype} {list(shape)}, more than the {size} bytes that follow")
    require_memory(path, f"{dtype} {list(shape)}", size)
    data = file.read(dtype.itemsize * math.prod(shape))
    flat = np.frombuffer(bytearray(data), dtype)
    return flat.reshape(shape[::-1]).T if in_fortran_order else flat.reshape(shape)
