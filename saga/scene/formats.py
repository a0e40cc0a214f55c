"""Formats of splats beside PLY: compressed PLY, SPZ, .splat, .ksplat and SOG, by way of the gaussforge package.

Conversions go through bytes of a PLY in the INRIA layout. SPZ stores scenes in right-up-back axes, where the others
keep the axes of training, right-down-forward: it is turned by half a turn about x on the way in and out.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
from plyfile import PlyData, PlyElement

from saga.errors import SagaError
from saga.files.reading import reading
from saga.files.special import first_bytes
from saga.scene.apart import convert_to_ply
from saga.scene.format_names import SplatFormat
from saga.scene.harmonics_order import BY_DEGREE, half_turn, harmonics_of, reordered, transposed

FORMATS: dict[str, SplatFormat] = {f".{name}": name for name in get_args(SplatFormat) if name != "ply"}
"""Endings of file names, and what gaussforge calls the format."""
_PROBED = 3
"""The first harmonic of degree 2, of red: elsewhere in each order but a plain one."""
_HEADER_BYTES = 4096
_OTHERS = {
    ".glb": "a glTF file, whose splat extension is not settled: export it as PLY or SPZ",
    ".gltf": "a glTF file, whose splat extension is not settled: export it as PLY or SPZ",
    ".obj": "a mesh: give the file that a splatting trainer wrote",
    ".stl": "a mesh: give the file that a splatting trainer wrote",
    ".fbx": "a mesh: give the file that a splatting trainer wrote",
    ".usdz": "a USD package: export the splats as PLY or SPZ",
    ".zip": "an archive: unpack it and give the scene inside",
    ".ckpt": "a checkpoint: export the scene with the trainer, e.g. ns-export gaussian-splat",
    ".pth": "a checkpoint: export the scene with the trainer",
    ".pt": "a checkpoint: export the scene with the trainer",
}
_STARTS = {
    b"glTF": _OTHERS[".glb"],
    b"PXR-USDC": _OTHERS[".usdz"],
    b"#usda": _OTHERS[".usdz"],
    b"solid ": _OTHERS[".stl"],
    b"PK\x03\x04": _OTHERS[".zip"],
    b"\x1f\x8b": "a compressed file: unpack it, or call it .spz if it is one",
    b"<!DOCTYPE": "a web page: download the file itself",
    b"<!doctype": "a web page: download the file itself",
    b"<html": "a web page: download the file itself",
}
"""What files of other formats begin with."""
_DEGREES = {"splat": 0, "ksplat": 2}
"""Highest degree of spherical harmonics of formats that do not have 3."""


def format_by_name(path: Path) -> SplatFormat | None:
    """Returns the format that the ending of a file's name stands for; None for a PLY with plain properties."""
    name = path.name.lower()
    return next((format for ending, format in FORMATS.items() if name.endswith(ending)), None)


def format_of(path: Path) -> SplatFormat | None:
    """Returns the format of a file or folder, by its name or its first bytes; None for a PLY with plain properties."""
    named = format_by_name(path)
    if named is not None:
        return named
    name = path.name.lower()
    if path.is_dir():
        return "sog" if (path / "meta.json").is_file() else None
    if name.endswith(".ply") and b"packed_position" in first_bytes(path, _HEADER_BYTES):
        return "compressed.ply"
    return None


def highest_degree(format: SplatFormat) -> int:
    """Returns the highest degree of spherical harmonics that a format has a place for, of those that are evaluated."""
    return _DEGREES.get(format, 3)


def require_writer(format: SplatFormat) -> None:
    """Raises SagaError when a format cannot be written here: known before the work, not after it."""
    if format != "ply":
        _converter()


def refuse_others(path: Path) -> None:
    """Says what a file is that is no splat scene.

    Raises:
        SagaError: the file is a mesh, a checkpoint or another format that is not read.
    """
    start = first_bytes(path, 64).lstrip()
    named = _OTHERS.get(path.suffix.lower())
    what = next((found for magic, found in _STARTS.items() if start.startswith(magic)), named)
    if what is not None:
        raise SagaError(f"{path}: expected a Gaussian splatting scene, found {what}.")


def read_converted(path: Path, format: str) -> PlyData:
    """Reads a scene of another format as a PLY in the INRIA layout.

    Raises:
        SagaError: gaussforge is not installed, or the file is damaged.
    """
    _converter()  # says what to install
    with reading(path, f"a scene in the format {format}", "export it again"):
        data = _zipped(path) if path.is_dir() else path.read_bytes()
        rows = PlyData.read(io.BytesIO(convert_to_ply(data, format)))["vertex"].data
    if len(rows) == 0:
        raise SagaError(f"{path}: expected a scene in the format {format}, found none in it; export it again.")
    if format == "spz":
        rows = half_turn(rows)
    order = _order_of(rows, format, writing=False)
    rows = rows if order is None else reordered(rows, order)
    return PlyData([PlyElement.describe(rows, "vertex")], byte_order="<")


def written_converted(path: Path, ply: PlyData, format: str) -> bytes:
    """Returns the bytes of a PLY's scene in another format.

    Properties that the format does not know are lost, positions and colors become as precise as it is, and some
    formats order the Gaussians anew.

    Raises:
        SagaError: gaussforge is not installed, or refuses the scene.
    """
    rows = ply["vertex"].data
    if format == "spz":
        rows = half_turn(rows)
    order = _order_of(rows, format, writing=True)
    return _convert(path, _bytes_of(rows if order is None else reordered(rows, order)), "ply", format)


def _order_of(rows: np.ndarray, format: str, writing: bool) -> list[int] | None:
    """Returns the order that harmonics need for the converter to write, or have after it has read; None for theirs.

    Version 0.6 of gaussforge writes the harmonics of compressed PLYs coefficient by coefficient, where the format has
    them channel by channel, and reads them so; and it takes those of .ksplat for plain ones, where the format has a
    degree after the other. What the installed version does is seen on a single Gaussian.
    """
    count = harmonics_of(rows)
    if format == "compressed.ply" and writing and count and _written_place("compressed.ply") != _PROBED:
        return transposed(count)
    if format == "ksplat" and count == len(BY_DEGREE) and _written_place("ksplat") == _PROBED:
        return [BY_DEGREE.index(i) for i in range(count)] if writing else list(BY_DEGREE)
    return None


@cache
def _written_place(format: str) -> int:
    """Returns where the converter puts the harmonic `_PROBED` in a file of degree 2."""
    names = [*(f"f_dc_{i}" for i in range(3)), *(f"f_rest_{i}" for i in range(24)), *(f"scale_{i}" for i in range(3))]
    one = np.zeros(
        1, [(name, "<f4") for name in ("x", "y", "z", *names, "opacity", "rot_0", "rot_1", "rot_2", "rot_3")]
    )
    one["rot_0"] = one[f"f_rest_{_PROBED}"] = 1
    data = _convert(Path(format), _bytes_of(one), "ply", format)
    if format == "ksplat":
        return int(np.frombuffer(data[-24 * 4 :], "<f4").argmax())
    written = PlyData.read(io.BytesIO(data))["sh"].data[0]
    return max(range(24), key=lambda i: int(written[f"f_rest_{i}"]))


def _bytes_of(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(stream)
    return stream.getvalue()


def _convert(path: Path, data: bytes, source: str, target: str) -> bytes:
    result: dict[str, Any] = _converter()(data, source, target)
    converted = result.get("data")
    if result.get("error") or not converted:
        found = " ".join(str(result.get("error") or "nothing that can be read").split())
        raise SagaError(f"{path}: expected a scene in the format {source}, found {found}; export it again.")
    return bytes(converted)


def _converter() -> Callable[[bytes, str, str], dict[str, Any]]:
    try:
        from gaussforge import GaussForge
    except ImportError as error:
        raise SagaError(
            "compressed formats: expected the package gaussforge, found none "
            f'({error}); pip install "saga-splat[formats]", or export the scene as PLY.'
        ) from error
    convert: Callable[[bytes, str, str], dict[str, Any]] = GaussForge().convert
    return convert


def _zipped(folder: Path) -> bytes:
    """Returns the folder form of SOG as the one file it also comes as."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.iterdir()):
            if path.suffix in (".json", ".webp"):
                archive.write(path, path.name)
    return stream.getvalue()
