"""PLY headers with bytes that are not ASCII: comments may have any, which plyfile refuses to read or to write.

Such bytes are kept in the comments as an escape (the control character SUB and two hexadecimal digits), so that they
are written as they were read.
"""

from __future__ import annotations

import copy
import io
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from plyfile import PlyData, PlyListProperty

from saga.files.mapped import let_go

_ESCAPE = b"\x1a"
_ESCAPED = re.compile(rb"\x1a([0-9a-f]{2})")
_HEADER_END = re.compile(rb"^end_header\s*?(\r\n|\n|\r)", re.MULTILINE)
_COMMENT = re.compile(rb"^(comment|obj_info)\b[^\r\n]*", re.MULTILINE)
_LONGEST_HEADER_BYTES = 1 << 20
_PIECE = 1 << 16
"""Rows that are written at a time."""
_LET_GO = 8 * _PIECE
"""Rows after which what was read of a mapped file is no longer held in memory."""
_BYTES = {
    name.encode(): size
    for size, names in (
        (1, "char uchar int8 uint8"),
        (2, "short ushort int16 uint16"),
        (4, "int uint float int32 uint32 float32"),
        (8, "double float64"),
    )
    for name in names.split()
}


def read_any_header(path: Path) -> PlyData:
    """Read a PLY whose comments may hold any bytes.

    Binary elements without lists are memory-mapped, and cannot be changed.

    Raises what `PlyData.read` raises, and ValueError when the header counts more than the file holds.
    """
    with path.open("rb") as stream:
        start = stream.read(_LONGEST_HEADER_BYTES)
    end = _HEADER_END.search(start)
    if end is not None:
        _check_counts(start[: end.end()], path.stat().st_size - end.end())
    if end is None or start[: end.end()].isascii():
        return PlyData.read(str(path), mmap="r")
    header = _COMMENT.sub(lambda line: _escape(line[0]), start[: end.end()])
    with path.open("rb") as stream:
        stream.seek(end.end())
        if re.search(rb"^format ascii", header, re.MULTILINE):
            return PlyData.read(io.BytesIO(header + stream.read()))
        return PlyData.read(_HeaderThenFile(header, stream), mmap="r")


def _check_counts(header: bytes, size: int) -> None:
    """Raises ValueError for counts below zero, or of rows that cannot be in the `size` bytes after the header.

    plyfile makes room for what the header says before it looks whether that is there.
    """
    is_text = re.search(rb"^format\s+ascii", header, re.MULTILINE) is not None
    least, count, row = 0, 0, 0
    for words in [*map(bytes.split, header.splitlines()), [b"element", b"", b"0"]]:
        if words[:1] == [b"property"] and len(words) > 2:
            row += 2 if is_text else _BYTES.get(words[2 if words[1] == b"list" else 1], 1)
        elif words[:1] == [b"element"] and len(words) > 2:
            least += count * max(row, 1)
            count, row = int(words[2]), 0
            if count < 0:  # NumPy divides by zero where rows of no bytes are counted so
                raise ValueError(f"its header counts {count} rows")
    if least > size + 1:  # a text may lack its last line end
        raise ValueError(f"its header counts at least {least} bytes of rows, where {size} follow")


def write_some_rows(
    ply: PlyData,
    vertices: np.ndarray,  # [N]
    mask: np.ndarray | None,  # [N]
    path: Path,
) -> None:
    """Write a PLY with some of these vertices (bool [N]; None for all) in the place of its own.

    Comments get the bytes that they were read with.

    Rows of fixed size are copied a piece at a time: a city's are many gigabytes.
    """
    count = len(vertices) if mask is None else int(np.count_nonzero(mask))
    has_lists = any(isinstance(prop, PlyListProperty) for element in ply.elements for prop in element.properties)
    with path.open("wb") as stream:
        unescaped = _Unescaped(stream)
        if ply.text or has_lists:
            _with_vertices(ply, vertices if mask is None else vertices[mask]).write(unescaped)
            return
        # A row that stands for all of them gives the header its count.
        header = _with_vertices(ply, np.broadcast_to(vertices[:1], count)).header
        unescaped.write(f"{header}\n".encode("ascii"))
        for element in ply.elements:
            data, chosen = (vertices, mask) if element.name == "vertex" else (element.data, None)
            kind = element.dtype(ply.byte_order)
            for first in range(0, len(data), _PIECE):
                piece = slice(first, first + _PIECE)
                rows = _chosen(data[piece], None if chosen is None else chosen[piece])
                stream.write(np.ascontiguousarray(rows.astype(kind, copy=False)).view(np.uint8).data)
                if first % _LET_GO == 0:
                    let_go(data)
            let_go(data)


def _chosen(
    rows: np.ndarray,  # [n]
    mask: np.ndarray | None,  # [n]
) -> np.ndarray:  # [m]
    """Some rows; where they are all, as mostly in what is left of a large scene, they are not copied."""
    rows = np.asarray(rows)
    return rows if mask is None or mask.all() else rows[mask]


def _with_vertices(ply: PlyData, rows: np.ndarray) -> PlyData:
    """Returns the PLY with other vertices; properties and comments, which numpy does not know of, stay."""
    elements = []
    for element in ply.elements:
        changed = copy.copy(element)
        if element.name == "vertex":
            changed.data = rows
        elements.append(changed)
    return PlyData(elements, ply.text, ply.byte_order, ply.comments, ply.obj_info)


def _escape(line: bytes) -> bytes:
    return b"".join(bytes([byte]) if byte < 128 else b"%b%02x" % (_ESCAPE, byte) for byte in line)


class _HeaderThenFile:
    """A file whose header reads otherwise; positions behind the header are those of the file."""

    def __init__(self, header: bytes, stream: BinaryIO) -> None:
        self._header, self._stream = io.BytesIO(header), stream
        self._left = len(header)

    def read(self, size: int = -1) -> bytes:
        if self._left == 0:
            return self._stream.read(size)
        data = self._header.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Unescaped:
    """A file that gets the original bytes of what was escaped in the header, which is written first."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._is_header = stream, True

    def write(self, data: Any) -> int:
        if self._is_header and data:
            self._is_header = False
            data = _ESCAPED.sub(lambda escaped: bytes([int(escaped[1], 16)]), bytes(data))
        return self._stream.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
