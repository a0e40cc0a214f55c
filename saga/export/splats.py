"""Files of Gaussians in the format that was asked for, or that the scene came in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from saga.errors import SagaError
from saga.export.usd import require_usd, write_stage
from saga.scene import Camera, Gaussians
from saga.scene.format_names import ExportFormat
from saga.scene.formats import format_by_name, require_writer


def usable_format(asked: str | None, gaussians: Gaussians) -> ExportFormat:
    """Returns the format to write, the one asked for or that of the scene; raises what `require_writer_of` raises."""
    return require_writer_of(gaussians.format if asked is None else asked)


def require_writer_of(asked: str) -> ExportFormat:
    """Returns a format by its name, once it is known that it can be written here.

    Raises:
        SagaError: there is no such format, or the package that writes it is missing.
    """
    format: ExportFormat | None = next((name for name in get_args(ExportFormat) if name == asked), None)
    if format is None:
        raise SagaError(f"format: expected one of {', '.join(get_args(ExportFormat))}, found {asked!r}; name another.")
    if format == "usd":
        require_usd()
    else:
        require_writer(format)
    return format


def write_splats(
    gaussians: Gaussians,
    member: np.ndarray,  # [N] bool
    stem: Path,
    format: ExportFormat,
    cameras: Sequence[Camera] = (),
    up: np.ndarray | None = None,  # [3]
) -> None:
    """Writes some Gaussians into `stem` with the ending of the format; nothing when there are none.

    In USD the cameras tell which way is up, where `up` does not. Raises SagaError when the file cannot be written.
    """
    if not member.any():
        return
    path = stem.with_name(f"{stem.name}.{format}")
    if format != "usd" and (format_by_name(path) or "ply") != format:
        raise SagaError(f"{stem.name!r}: expected a name that is no ending of another format; name it otherwise.")
    if format == "usd":
        write_stage(path, {stem.name: (gaussians, member)}, cameras, up)
    else:
        gaussians.write(path, member)
