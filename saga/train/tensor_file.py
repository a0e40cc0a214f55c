"""The files of training: safetensors with a JSON header."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from saga.files import tensors as tensor_files
from saga.files.json_values import json_text
from saga.files.transaction import atomic_path

_HEADER = "saga"


def write_tensors(path: str | Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Writes tensors and a header of JSON values into one file, which appears whole or not at all.

    Raises:
        SagaError: the place cannot be written.
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(kept, temporary, {_HEADER: json_text(header)})


def read_tensors(path: Path, left: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads the tensors and the header of a file that `write_tensors` wrote; as `saga.files.tensors.read_tensors`."""
    return tensor_files.read_tensors(path, _HEADER, left=left)
