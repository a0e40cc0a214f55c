"""Opening a PLY file and telling whether it holds a Gaussian scene."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from plyfile import PlyData

from saga.errors import SagaError
from saga.files.pointers import refuse_pointer
from saga.files.reading import reading
from saga.files.special import refuse_special
from saga.scene.formats import format_of, read_converted, refuse_others
from saga.scene.ply_header import read_any_header

MEANS = ("x", "y", "z")
SCALES = ("scale_0", "scale_1", "scale_2")
QUATERNION = ("rot_0", "rot_1", "rot_2", "rot_3")
OPACITY = ("opacity",)
DC = ("f_dc_0", "f_dc_1", "f_dc_2")
RGB = ("red", "green", "blue")
STORED = (*MEANS, *SCALES, *QUATERNION, *OPACITY)
"""The geometry of most scenes."""


FILTER = "filter_3D"
"""Mip-Splatting's low-pass filter: standard deviations in world units that the stored scales lack."""


@dataclass(frozen=True)
class Layout:
    """Which vertex properties hold a Gaussian, where scenes differ in them."""

    dc: tuple[str, str, str]
    """The constant term of each channel: spherical harmonics, or 8-bit RGB (splatfacto's `rgb` mode)."""
    rest: tuple[str, ...]
    """The higher spherical harmonics, 3 * (K - 1) names, channel-major: K - 1 of red, of green, of blue."""
    scales: tuple[str, ...] = SCALES
    """The logarithms of the standard deviations; two of them for flat surfels, whose third axis is their normal."""
    has_filter: bool = False
    """Whether `FILTER` has to be added to scales and opacities."""

    @property
    def geometry(self) -> tuple[str, ...]:
        """The stored properties of the geometry, in the order of a scene's digest."""
        return (*MEANS, *self.scales, *QUATERNION, *OPACITY, *([FILTER] if self.has_filter else []))

    @property
    def as_stored(self) -> bool:
        """Whether the geometry is that of most scenes: nothing is left out or added."""
        return self.geometry == STORED

    @property
    def is_rgb(self) -> bool:
        """Whether `dc` is 8-bit RGB."""
        return self.dc == RGB

    @property
    def coefficients(self) -> int:
        """K, the number of spherical harmonics of a channel: (degree + 1) ** 2."""
        return 1 + len(self.rest) // 3


def read_ply(path: Path) -> PlyData:
    """Parse a PLY file; binary elements without lists are memory-mapped.

    Raises SagaError when the file is missing, no PLY, damaged or truncated.
    """
    if not path.exists():
        raise SagaError(
            f"{path}: expected the PLY of a trained scene, found no such file; give the file of a splatting trainer."
        )
    format = format_of(path)
    if format is not None:
        return read_converted(path, format)
    if path.is_dir():
        raise SagaError(f"{path}: is a folder; give the PLY file itself{_scenes_in(path)}")
    refuse_special(path, "the PLY of a scene")
    refuse_pointer(path)
    refuse_others(path)
    expected = f"a whole PLY (the file has {path.stat().st_size:,} bytes)"
    with reading(path, expected, "copy or export it again"):
        with path.open("rb") as stream:
            start = stream.read(8)
        if not start.startswith(b"ply"):
            raise SagaError(f"{path}: not a PLY file, it starts with {start!r} instead of b'ply'; give a PLY scene")
        return read_any_header(path)


def layout_of(path: Path, ply: PlyData) -> Layout:
    """Check that `ply` is a Gaussian scene and return which properties hold what.

    Raises SagaError that lists the missing properties and says what the file looks like instead.
    """
    elements = {element.name for element in ply.elements}
    vertex = ply["vertex"] if "vertex" in elements else None
    names = {prop.name for prop in vertex.properties} if vertex is not None else set()
    dc = RGB if DC[0] not in names and names.issuperset(RGB) and _is_byte(ply, RGB[0]) else DC
    scales = (
        SCALES[:2]
        if names.issuperset(SCALES[:2]) and not any(re.fullmatch(r"scale_[2-9]", n) for n in names)
        else SCALES
    )
    required = (*MEANS, *OPACITY, *scales, *QUATERNION, *dc)
    missing = [name for name in required if name not in names]
    if vertex is None or missing:
        found = "no element 'vertex'" if vertex is None else f"no {', '.join(missing)}"
        raise SagaError(f"{path}: not a Gaussian scene, it has {found}{_looks_like(elements, names)}")
    if len(vertex.data) == 0:
        raise SagaError(f"{path}: expected Gaussians, found none; give a trained scene.")
    layout = Layout(dc, _rest_names(path, names), scales, FILTER in names)
    for name in (*layout.geometry, *layout.dc, *layout.rest):
        if vertex.data.dtype[name].kind not in "fiu":
            raise SagaError(f"{path}: expected a number per Gaussian in {name}, found a list; export the scene again")
    return layout


def _rest_names(path: Path, names: set[str]) -> tuple[str, ...]:
    count = sum(re.fullmatch(r"f_rest_\d+", name) is not None for name in names)
    rest = tuple(f"f_rest_{i}" for i in range(count))
    bands = math.isqrt(1 + count // 3)
    if 3 * (bands * bands - 1) != count or not names.issuperset(rest):
        raise SagaError(
            f"{path}: not a Gaussian scene, it has {count} f_rest properties where 0, 9, 24, 45 or 72, numbered "
            "from 0, were expected (spherical harmonics of degree 0 to 4)"
        )
    return rest


def _scenes_in(folder: Path) -> str:
    """Returns which PLYs lie in a folder, those that were trained longest first, for people."""
    found = [*folder.glob("point_cloud/iteration_*/point_cloud.ply"), *folder.glob("*.ply")]
    found.sort(key=lambda path: [-int(n) for n in re.findall(r"\d+", path.parent.name)])
    return ": " + ", ".join(str(path) for path in found[:3]) if found else ""


def _looks_like(elements: set[str], names: set[str]) -> str:
    if any(name.startswith("f_anchor_feat") for name in names):
        return "; it looks like anchors of Scaffold-GS: export explicit Gaussians"
    if "face" in elements or "tristrips" in elements:
        return "; it looks like a mesh: give the PLY that a splatting trainer wrote"
    if names.issuperset(MEANS) and not names & {*OPACITY, *SCALES, *QUATERNION}:
        return (
            "; it looks like a plain point cloud, as trainers begin with: give the PLY that a splatting trainer wrote "
            "(point_cloud/iteration_N/point_cloud.ply, not input.ply)"
        )
    return "; give the PLY that a splatting trainer wrote"


def _is_byte(ply: PlyData, name: str) -> bool:
    return bool(ply["vertex"].data.dtype[name].kind == "u")
