"""Where commands write: a place that belongs to something else is refused before the work, not after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from saga.cli.run import require_writable
from saga.errors import SagaError
from saga.export.folders import is_cleaning, is_grids, is_objects, is_segmentation
from saga.files.special import first_bytes
from saga.files.transaction import require_place

PICTURE_MARK = ("Software", "saga-check")
"""What the pictures of saga-check say of themselves, as PNGs do."""
_HEADER = 9
"""Bytes that tell a file of tensors: the length of its header, and the bracket that this begins with."""
_EARLIER: dict[str, Callable[[Path], bool]] = {
    "segment": is_segmentation,
    "discover": is_objects,
    "clean": is_cleaning,
    "views": is_grids,
}
"""How the folder of an earlier result of a command is known, which the command may replace."""


def require_folder(command: str, *folders: Path | None) -> None:
    """Refuses folders that results of a command cannot go into; to be called before its work.

    Args:
        command: the command, without "saga-".
        folders: where it is told to write; None, for a name that is still to be chosen, is passed over.

    Raises:
        SagaError: a folder is a file, holds something else than an earlier result of the command, or cannot be made.
    """
    for folder in folders:
        if folder is not None:
            require_place(folder, _EARLIER[command])
            require_writable(folder / "report.json")


def has_folder(command: str) -> bool:
    """Tells whether the result of a command is a folder that `require_folder` knows."""
    return command in _EARLIER


def require_file(command: str, path: Path) -> None:
    """Refuses a file that the result of a command cannot become; to be called before its work.

    Args:
        command: the command, without "saga-".
        path: where it is told to write.

    Raises:
        SagaError: `path` is a folder, is a file that is no earlier result of the command, or cannot be made.
    """
    require_writable(path)
    what, is_earlier = _EARLIER_FILES[command]
    if path.is_file() and path.stat().st_size and not is_earlier(path):
        raise SagaError(
            f"{path}: expected a new file or {what}, found a file of something else; choose another name, or delete it."
        )


def _is_picture(path: Path) -> bool:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return picture.info.get(PICTURE_MARK[0]) == PICTURE_MARK[1]
    except (OSError, UnidentifiedImageError, ValueError):
        return False


_EARLIER_FILES: dict[str, tuple[str, Callable[[Path], bool]]] = {
    "train": ("an earlier feature field", lambda path: first_bytes(path, _HEADER)[-1:] == b"{"),
    "check": ("an earlier picture of saga-check", _is_picture),
}
"""What an earlier file of a command is, and how it is known."""
