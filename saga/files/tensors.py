"""Safetensors files with a JSON header, read in one way: whole and finite, or refused."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from saga.files.mapped import let_go
from saga.files.reading import require_memory

_FLOATS = {"F16": np.float16, "F32": np.float32}
"""What safetensors calls them (its README, "Format")."""
_PIECE = 26
"""Logarithm of the bytes of a tensor that are looked at at a time."""
_CACHED = 1 << 17
"""Values whose exponents are looked at at a time: what that takes stays in the processor's cache."""
_EXPONENT = 0x7C00
"""Bits of the exponent of a float16; all of them are set where it is infinite or no number."""


def read_tensors(
    path: Path, header: str, framework: Literal["pt", "np"] = "pt", left: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads the tensors of a file and the JSON object in its metadata.

    Call it inside `saga.files.reading.reading`, together with what makes sense of the values.

    Args:
        path: the file.
        header: the name of the entry of the metadata that holds the JSON object.
        framework: whether to return PyTorch's tensors or NumPy's arrays.
        left: tensors of 16- or 32-bit floats that are returned as arrays which are left in the file until they are
            read, and cannot be written to; the file must not be overwritten in place while they are in use.
            `saga.files.mapped.let_go` lets go of what was read.

    Raises:
        Exception: whatever safetensors and json raise for a damaged file; ValueError for one without such a header,
            or with numbers that are not finite.
    """
    with safe_open(path, framework) as file:
        facts = json.loads((file.metadata() or {})[header])
        names = list(file.keys())
        mapped = {name: _mapped(path, name) for name in names if name in left}
        require_memory(path, "tensors", path.stat().st_size - sum(each.nbytes for each in mapped.values()))
        tensors = {name: mapped[name] if name in mapped else file.get_tensor(name) for name in names}
    if not isinstance(facts, dict):
        raise ValueError(f"a header of {type(facts).__name__}")
    for name, tensor in tensors.items():
        for part in np.array_split(np.asarray(tensor).reshape(-1), max(1, tensor.nbytes >> _PIECE)):
            if not _finite(part):
                raise ValueError(f"numbers in {name} that are not finite")
            if name in mapped:
                let_go(mapped[name])
    return tensors, facts


def _finite(
    values: np.ndarray,  # [n]
) -> bool:
    """Whether all values are finite. NumPy looks at float16 one by one; their bits tell it ten times as fast."""
    if values.dtype != np.float16:
        return bool(np.isfinite(values).all())
    bits = values.view(np.uint16)
    pieces = (bits[start : start + _CACHED] for start in range(0, len(bits), _CACHED))
    return not any(int((piece & _EXPONENT).max()) == _EXPONENT for piece in pieces)


def _mapped(path: Path, name: str) -> np.ndarray:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(size))[name]
    first, _ = entry["data_offsets"]
    if 0 in entry["shape"]:
        return np.zeros(entry["shape"], _FLOATS[entry["dtype"]])
    return np.memmap(path, _FLOATS[entry["dtype"]], "r", 8 + size + first, tuple(entry["shape"]))


def is_whole(path: Path) -> bool:
    """Whether a file is a whole safetensors file, whatever it holds."""
    try:
        with safe_open(path, "np"):
            return True
    except (SafetensorError, OSError):
        return False
