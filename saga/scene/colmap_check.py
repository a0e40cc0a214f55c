"""Whether the files of a binary COLMAP model hold what their counts say, before COLMAP's reader trusts them.

COLMAP's own reader believes every count: a damaged one makes it loop for hours, or ask for all memory. This walks over
the records, without reading their contents, and stops at the first that does not fit into its file.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

_PARAMETERS = (3, 4, 4, 5, 8, 8, 12, 5, 4, 5, 12, 16, 4, 5, 3, 4, 2)
"""Number of parameters of each camera model, by its number in the file."""
_LARGEST_SIDE = 1 << 20
"""Pixels: no camera makes larger pictures, and twice as many bits overflow."""
_LONGEST_NAME = 4096


class _Records:
    """A binary file, read from front to back. Raises ValueError where it ends too early."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self._data, self._size, self._at = data, len(data), 0

    def take(self, layout: struct.Struct) -> tuple[int, ...]:
        if self._at + layout.size > self._size:
            raise ValueError(f"its end after {self._size} bytes, in the middle of a record")
        values = layout.unpack_from(self._data, self._at)
        self._at += layout.size
        return values

    def skip(self, count: int, each: int = 1) -> None:
        if count * each > self._size - self._at:
            raise ValueError(f"a count of {count} where {self._size - self._at} bytes follow")
        self._at += count * each

    def skip_name(self) -> None:
        end = self._data.find(b"\0", self._at, self._at + _LONGEST_NAME)
        if end < 0:
            raise ValueError("a name without an end")
        self._at = end + 1


def check_binary_model(folder: Path) -> None:
    """Raises ValueError or OSError when a file of the binary model in `folder` does not hold what its counts say."""
    for name, walk in _WALKS.items():
        path = folder / name
        if path.is_file():
            try:
                _check(path, walk)
            except ValueError as error:
                raise ValueError(f"in {name} {error}") from error


def _check(path: Path, walk: Callable[[_Records], None]) -> None:
    if path.stat().st_size == 0:
        raise ValueError("nothing")
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        records = _Records(data)
        (count,) = records.take(_COUNT)
        if count > len(data):
            raise ValueError(f"a count of {count} in {len(data)} bytes")
        for _ in range(count):
            walk(records)


_COUNT = struct.Struct("<Q")
_CAMERA = struct.Struct("<IiQQ")
_IMAGE = struct.Struct("<I7dI")
_POINT = struct.Struct("<Q3d3BdQ")
_RIG = struct.Struct("<II")
_HAS_POSE = struct.Struct("<iIB")
_FRAME = struct.Struct("<II7dI")
_POINT_2D, _TRACK, _DATA, _SENSOR, _POSE = 24, 8, 16, 8, 56
"""Bytes of the records in the lists that the others end with."""


def _walk_camera(records: _Records) -> None:
    number, model, width, height = records.take(_CAMERA)
    if not 0 <= model < len(_PARAMETERS):
        raise ValueError(f"camera {number} of the unknown model {model}")
    if not 0 < width <= _LARGEST_SIDE or not 0 < height <= _LARGEST_SIDE:
        raise ValueError(f"camera {number} of {width}x{height} pixels")
    records.skip(_PARAMETERS[model], 8)


def _walk_image(records: _Records) -> None:
    records.take(_IMAGE)
    records.skip_name()
    (points,) = records.take(_COUNT)
    records.skip(points, _POINT_2D)


def _walk_point(records: _Records) -> None:
    *_, track = records.take(_POINT)
    records.skip(track, _TRACK)


def _walk_rig(records: _Records) -> None:
    _, sensors = records.take(_RIG)
    if sensors > 0:
        records.skip(1, _SENSOR)
        for _ in range(sensors - 1):
            *_, has_pose = records.take(_HAS_POSE)
            records.skip(_POSE if has_pose else 0)


def _walk_frame(records: _Records) -> None:
    *_, data = records.take(_FRAME)
    records.skip(data, _DATA)


_WALKS: dict[str, Callable[[_Records], None]] = {
    "cameras.bin": _walk_camera,
    "images.bin": _walk_image,
    "points3D.bin": _walk_point,
    "rigs.bin": _walk_rig,
    "frames.bin": _walk_frame,
}
