"""Files of Gaussians in the format that was asked for, or that the scene came in."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np

from saga.errors import SagaError
from saga.scene import Gaussians
from saga.scene.format_names import SplatFormat
from saga.scene.formats import require_writer

ENDINGS = tuple(f".{name}" for name in get_args(SplatFormat))
"""Endings of the files that may be written."""


def usable_format(asked: str | None, gaussians: Gaussians) -> SplatFormat:
    """Returns the format to write, once it is known that it can be: the one asked for, else that of the scene.

    Raises:
        SagaError: there is no such format, or the package that writes it is missing.
    """
    format: SplatFormat = gaussians.format
    if asked is not None:
        found = next((name for name in get_args(SplatFormat) if name == asked), None)
        if found is None:
            raise SagaError(f"format: expected one of {', '.join(get_args(SplatFormat))}, found {asked!r}.")
        format = found
    require_writer(format)
    return format


def write_splats(
    gaussians: Gaussians,
    member: np.ndarray,  # [N] bool
    stem: Path,
    format: SplatFormat,
) -> None:
    """Writes some Gaussians into `stem` with the ending of the format; nothing when there are none.

    Raises SagaError when the file cannot be written.
    """
    if member.any():
        gaussians.write(stem.with_name(f"{stem.name}.{format}"), member)
