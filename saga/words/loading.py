"""Reading models of `transformers` from a folder: one way, and one line for each thing that may be missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.masks.models.checkpoint import checkpoint_digest
from saga.masks.models.quiet import quiet

PACKAGE = 'pip install "saga-splat[sam]"'


def folder_digest(folder: Path) -> str:
    """Returns a digest of the files of a model; of large ones size and both ends count (`checkpoint_digest`)."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in (".json", ".txt", ".model", ".safetensors", ".bin", ".jinja"):
            digest.update(f"{path.name} {checkpoint_digest(path)}\n".encode())
    return digest.hexdigest()


@contextmanager
def loading(folder: Path) -> Iterator[Any]:
    """Yields the package transformers, and turns whatever it raises about a folder into one line.

    Raises:
        SagaError: the package is missing, or the folder holds no whole model.
    """
    try:
        import transformers
    except ImportError as error:
        raise SagaError(f"{folder}: expected the package transformers, found none ({error}); {PACKAGE}.") from error
    try:
        with quiet(transformers):
            yield transformers
    except Exception as error:  # a file of another kind makes the libraries raise anything
        first = " ".join(str(error).split())[:300]
        raise SagaError(
            f"{folder}: expected a whole model of transformers with its processor, found that it cannot be loaded "
            f"({first}); copy all files of its hub page."
        ) from error
