"""Safetensors files with a JSON header, read in one way: whole and understood, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from saga.files.transaction import atomic_path

_HEADER = "saga"

UNREADABLE = (
    SafetensorError, OSError, KeyError, IndexError, TypeError, AttributeError, ValueError, RuntimeError, OverflowError,
)  # fmt: skip
"""What reading a damaged file, or values that are not those that were written, raises."""


def write_tensors(path: str | Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Writes tensors and a header of JSON values into one file, which appears whole or not at all.

    Raises:
        SagaError: the place cannot be written.
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(kept, temporary, {_HEADER: json.dumps(header)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads the tensors and the header of a file that `write_tensors` wrote.

    Raises:
        ValueError: the file is damaged or another one (`UNREADABLE` has all that using its contents may raise).
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except UNREADABLE as error:  # a RecursionError of nested JSON is a RuntimeError
        raise ValueError(str(error)) from error
    if not isinstance(header, dict):
        raise ValueError(f"a header of {type(header).__name__}")
    return tensors, header
