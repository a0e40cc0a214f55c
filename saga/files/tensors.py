"""Safetensors files with a JSON header, read in one way: whole and finite, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from saga.files.reading import require_memory

_PIECE = 26
"""Logarithm of the bytes of a tensor that are looked at at a time."""


def read_tensors(
    path: Path, header: str, framework: Literal["pt", "np"] = "pt"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads the tensors of a file and the JSON object in its metadata.

    Call it inside `saga.files.reading.reading`, together with what makes sense of the values.

    Args:
        path: the file.
        header: the name of the entry of the metadata that holds the JSON object.
        framework: whether to return PyTorch's tensors or NumPy's arrays.

    Raises:
        Exception: whatever safetensors and json raise for a damaged file; ValueError for one without such a header,
            or with numbers that are not finite.
    """
    require_memory(path, "tensors", path.stat().st_size)
    with safe_open(path, framework) as file:
        facts = json.loads((file.metadata() or {})[header])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not isinstance(facts, dict):
        raise ValueError(f"a header of {type(facts).__name__}")
    for name, tensor in tensors.items():
        parts = np.array_split(np.asarray(tensor).reshape(-1), max(1, tensor.nbytes >> _PIECE))
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError(f"numbers in {name} that are not finite")
    return tensors, facts


def is_whole(path: Path) -> bool:
    """Whether a file is a whole safetensors file, whatever it holds."""
    try:
        with safe_open(path, "np"):
            return True
    except (SafetensorError, OSError):
        return False
