"""Segment Anything checkpoints: how a file is told from others and read."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import torch
from torch import Tensor

from saga.errors import SagaError
from saga.files.reading import reading
from saga.masks.models.files import OFFICIAL

_CHUNK = 1 << 20


def checkpoint_digest(path: Path) -> str:
    """Tells checkpoints apart without reading gigabytes: SHA-256 of the size and of the file's two ends.

    The end of a PyTorch file is its directory, which holds a checksum of every tensor.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_CHUNK))
        file.seek(max(0, size - _CHUNK))
        digest.update(file.read())
    return digest.hexdigest()


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a checkpoint on the CPU; no code in the file is run.

    Raises SagaError when the file is truncated or no PyTorch state dict.
    """
    advice = f"give e.g. {OFFICIAL['vit_b'].facts}"
    with reading(path, "a SAM checkpoint", advice), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the error says all there is to say
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise SagaError(
            f"{path}: holds no state dict of tensors as SAM checkpoints do; expected e.g. {OFFICIAL['vit_b'].facts}"
        )
    return loaded
