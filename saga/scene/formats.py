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
from saga.scene.format_names import SplatFormat

FORMATS: dict[str, SplatFormat] = {f".{name}": name for name in get_args(SplatFormat) if name != "ply"}
"""Endings of file names, and what gaussforge calls the format."""
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
_ODD_HARMONICS = (1, 2, 4, 7, 9, 11, 12, 14)
"""Spherical harmonics, numbered from 0, that change sign when y and z do."""


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
    if name.endswith(".ply") and path.is_file():
        with path.open("rb") as stream:
            if b"packed_position" in stream.read(_HEADER_BYTES):
                return "compressed.ply"
    return None


def require_writer(format: SplatFormat) -> None:
    """Raises SagaError when a format cannot be written here: known before the work, not after it."""
    if format != "ply":
        _converter()


def refuse_others(path: Path) -> None:
    """Says what a file is that is no splat scene.

    Raises:
        SagaError: the file is a mesh, a checkpoint or another format that is not read.
    """
    what = _OTHERS.get(path.suffix.lower())
    if path.is_file():
        with path.open("rb") as stream:
            start = stream.read(64).lstrip()
        what = next((found for magic, found in _STARTS.items() if start.startswith(magic)), what)
    if what is not None:
        raise SagaError(f"{path}: expected a Gaussian splatting scene, found {what}.")


def read_converted(path: Path, format: str) -> PlyData:
    """Reads a scene of another format as a PLY in the INRIA layout.

    Raises:
        SagaError: gaussforge is not installed, or the file is damaged.
    """
    with reading(path, f"a scene in the format {format}", "export it again"):
        data = _zipped(path) if path.is_dir() else path.read_bytes()
        rows = PlyData.read(io.BytesIO(_convert(path, data, format, "ply")))["vertex"].data
    if len(rows) == 0:
        raise SagaError(f"{path}: expected a scene in the format {format}, found none in it; export it again.")
    if format == "spz":
        rows = _half_turn(rows)
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
        rows = _half_turn(rows)
    elif format == "compressed.ply" and _transposes_harmonics():
        rows = _transposed_harmonics(rows)
    return _convert(path, _bytes_of(rows), "ply", format)


def _bytes_of(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(stream)
    return stream.getvalue()


@cache
def _transposes_harmonics() -> bool:
    """Whether the converter writes the harmonics of a compressed PLY coefficient by coefficient.

    Programs that read the format, gaussforge too, expect them channel by channel, as any PLY has them. Version 0.6 does
    not write that; what the installed one does is seen on a single Gaussian.
    """
    rest = [f"f_rest_{i}" for i in range(9)]
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", *rest, "opacity", "scale_0", "scale_1", "scale_2", "rot_0"]
    one = np.zeros(1, [(name, "<f4") for name in (*names, "rot_1", "rot_2", "rot_3")])
    one["rot_0"] = one["f_rest_1"] = 1
    data = _convert(Path("compressed.ply"), _bytes_of(one), "ply", "compressed.ply")
    written = PlyData.read(io.BytesIO(data))["sh"].data[0]
    return max(rest, key=lambda name: int(written[name])) != "f_rest_1"


def _transposed_harmonics(rows: np.ndarray) -> np.ndarray:
    """Returns a copy of a PLY's rows whose harmonics are in order once channels and coefficients change places."""
    turned = rows.copy()
    per_channel = sum(name.startswith("f_rest_") for name in rows.dtype.names or ()) // 3
    for channel in range(3):
        for k in range(per_channel):
            turned[f"f_rest_{channel * per_channel + k}"] = rows[f"f_rest_{3 * k + channel}"]
    return turned


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


def _half_turn(rows: np.ndarray) -> np.ndarray:
    """Returns a copy of a PLY's rows turned by half a turn about x: y and z change sign, and what depends on them."""
    turned = rows.copy()
    # A Gaussian is the same with its own axes reversed: the turn acts on both sides of its rotation.
    for name in ("y", "z", "ny", "nz", "rot_2", "rot_3"):
        if name in (turned.dtype.names or ()):
            turned[name] = -turned[name]
    rest = sum(name.startswith("f_rest_") for name in rows.dtype.names or ())
    per_channel = rest // 3
    for channel in range(3):
        for harmonic in range(1, per_channel + 1):
            if harmonic in _ODD_HARMONICS:
                name = f"f_rest_{channel * per_channel + harmonic - 1}"
                turned[name] = -turned[name]
    return turned
