"""What tells the files of one model from those of another."""

from __future__ import annotations

import hashlib
from pathlib import Path

from saga.masks.models.checkpoint import checkpoint_digest
from saga.masks.models.folders import weight_files
from saga.masks.models.resolve import ResolvedModel


def model_digest(model: ResolvedModel) -> str:
    """Tells models apart without reading gigabytes."""
    if model.is_file:
        return checkpoint_digest(model.path)
    digest = hashlib.sha256()
    for path in sorted(model.path.glob("*config.json")):
        digest.update(path.name.encode() + path.read_bytes())
    for path in weight_files(model.path):
        digest.update(_sampled(path))
    return digest.hexdigest()


_SAMPLES, _SAMPLE = 256, 1 << 16
"""Pieces of a weights file that are read, spread evenly, and bytes of each."""


def _sampled(path: Path) -> bytes:
    """Returns the SHA-256 of the size of a file and of pieces all over it: a fine-tuned part is a run of megabytes."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for start in sorted({size * piece // _SAMPLES for piece in range(_SAMPLES)} | {max(0, size - _SAMPLE)}):
            file.seek(start)
            digest.update(file.read(_SAMPLE))
    return digest.digest()
