"""The Gaussians of a scene, and the PLY file they come from."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from plyfile import PlyData, PlyElement

from saga.errors import SagaError
from saga.files.mapped import let_go
from saga.files.transaction import atomic_path
from saga.scene.format_names import SplatFormat
from saga.scene.formats import format_by_name, format_of, highest_degree, written_converted
from saga.scene.ply import DC, FILTER, MEANS, OPACITY, QUATERNION, SCALES, STORED, Layout, layout_of, read_ply
from saga.scene.ply_header import write_some_rows
from saga.scene.spherical_harmonics import C0, MAX_EVALUATED, evaluate_basis

# A block of rows of the widest layout (62 floats) stays in the processor's cache while its columns are taken
# one by one; taking whole columns would walk the file once per property.
_BLOCK = 8192
_LET_GO = 64 * _BLOCK
"""Rows after which what was read of the file is no longer held in memory."""
FLATNESS = 0.01
"""The third scale of a flat surfel, as a share of its smaller other one."""
_SMALLEST_SCALE = 1e-6
_ACTIVATED = ("means", "scales", "quaternions", "opacities", "valid")
"""The attributes that are made of the stored rows."""
_LARGEST_OPACITY = 1 - 2.0**-24
_SMALLEST_OPACITY = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class Gaussians:
    """N Gaussians in the order of their PLY file, with activations applied.

    A row whose attributes are not all finite stays in its place, harmless: `valid` is False, its opacity and
    mean are 0, its scales 1e-6, its rotation the identity. So an index always means the PLY's row.
    """

    means: np.ndarray  # [N, 3]
    """Centers in world coordinates, float32 [N, 3]."""
    scales: np.ndarray  # [N, 3]
    """Standard deviations along the axes in world units (exp applied), float32 [N, 3]."""
    quaternions: np.ndarray  # [N, 4]
    """Unit rotation quaternions, w first, float32 [N, 4]."""
    opacities: np.ndarray  # [N]
    """Opacities between 0 and 1 (sigmoid applied), float32 [N]."""
    valid: np.ndarray  # [N]
    """Whether every attribute of the row is finite, bool [N]."""
    vertices: np.ndarray  # [N]
    """The PLY's vertex rows as stored, a structured array with every property; memory-mapped when binary, and then
    they cannot be changed."""
    ply: PlyData
    """The PLY that was read: format, comments and elements beside the vertices."""
    layout: Layout
    """The properties of `vertices` that hold what."""
    format: SplatFormat = "ply"
    """The format of the file that was read."""

    def __len__(self) -> int:
        """Returns the number of Gaussians."""
        return len(self.vertices)

    @classmethod
    def read(cls, path: str | Path, strict: bool = False) -> Gaussians:
        """Read a PLY in the INRIA or splatfacto layout; binary or ascii, any degree, any extra property.

        The rows stay memory-mapped, so the file must not be overwritten in place while the result is in use
        (replacing it by renaming, as `write` does, is fine).

        Raises SagaError when the file is missing, truncated, no PLY, no Gaussian scene or empty, and with
        `strict` when rows hold NaN or infinite attributes; without it they are left out with a warning.
        """
        path = Path(path)
        ply = read_ply(path)
        sha = hashlib.sha256()
        gaussians = cls._from_ply(ply, layout_of(path, ply), sha.update, format_of(path) or "ply")
        if gaussians.layout.as_stored:  # the file need not be read again for it
            gaussians.__dict__["_digest"] = sha.hexdigest()
        dropped = len(gaussians) - int(np.count_nonzero(gaussians.valid))
        if dropped and (strict or dropped == len(gaussians)):
            raise SagaError(
                f"{path}: {dropped} of {len(gaussians)} Gaussians have NaN or infinite attributes; train or "
                "export the scene again" + ", or read it without strict to leave them out" * strict
            )
        if gaussians.layout.coefficients > MAX_EVALUATED:
            degree = math.isqrt(gaussians.layout.coefficients) - 1
            warnings.warn(
                f"{path}: has spherical harmonics of degree {degree}; those above 4 are kept, and not shown",
                stacklevel=2,
            )
        if dropped:
            warnings.warn(
                f"{path}: dropped {dropped} of {len(gaussians)} Gaussians with NaN or infinite attributes",
                stacklevel=2,
            )
        return gaussians

    @classmethod
    def from_arrays(
        cls,
        means: np.ndarray,  # [N, 3]
        scales: np.ndarray,  # [N, 3]
        quaternions: np.ndarray,  # [N, 4]
        opacities: np.ndarray,  # [N]
        sh: np.ndarray,  # [N, K, 3]
    ) -> Gaussians:
        """Returns Gaussians that were not read from a file; `write` stores them in the INRIA layout.

        Arguments are as the attributes of the class: linear scales, quaternions w first of any length,
        opacities in [0, 1], spherical harmonics with K = (degree + 1) ** 2. The result is what reading the
        written file gives: values pass through the logarithm and the logit. Opacities 0 and 1, whose logits
        are infinite, become the nearest that are finite. Raises ValueError when shapes do not fit together.
        """
        count, coefficients = _check_shapes(means, scales, quaternions, opacities, sh)
        rest = tuple(f"f_rest_{i}" for i in range(3 * (coefficients - 1)))
        names = (*MEANS, "nx", "ny", "nz", *DC, *rest, *OPACITY, *SCALES, *QUATERNION)
        vertices = np.zeros(count, [(name, "<f4") for name in names])
        opacity = np.clip(np.asarray(opacities, np.float64), _SMALLEST_OPACITY, _LARGEST_OPACITY)
        sh = np.asarray(sh)
        _store(vertices, MEANS, means)
        _store(vertices, SCALES, np.log(np.maximum(np.asarray(scales, np.float64), 1e-30)))
        _store(vertices, QUATERNION, quaternions)
        _store(vertices, OPACITY, np.log(opacity / (1 - opacity))[:, None])
        _store(vertices, DC, sh[:, 0])
        _store(vertices, rest, sh[:, 1:].transpose(0, 2, 1).reshape(count, len(rest)))
        ply = PlyData([PlyElement.describe(vertices, "vertex")], byte_order="<")
        return cls._from_ply(ply, Layout(DC, rest))

    @classmethod
    def _from_ply(
        cls,
        ply: PlyData,
        layout: Layout,
        each: Callable[[bytes], None] = lambda stored: None,
        format: SplatFormat = "ply",
    ) -> Gaussians:
        """Reads a PLY's rows; `each` gets the stored geometry of some after others, where `layout.as_stored`."""
        vertices = np.asarray(ply["vertex"].data)  # the plain array: slices of a memory map take longer to make
        gaussians = cls(**_activated(vertices, layout, each), vertices=vertices, ply=ply, layout=layout, format=format)
        gaussians.__dict__["_can_let_go"] = True  # `replace` makes others, whose arrays may be of no rows
        return gaussians

    def let_go(self) -> None:
        """Lets go of means, scales, rotations, opacities and `valid`, until they are asked for again.

        They are made of the stored rows again then, bit for bit, and what was written to them since they were read is
        lost; whoever holds one of the arrays keeps it. Without effect on Gaussians that were changed (`replace`) after
        they were read.
        """
        if self.__dict__.get("_can_let_go", False):
            for name in _ACTIVATED:
                self.__dict__.pop(name, None)

    if not TYPE_CHECKING:  # it would have all names, to a type checker

        def __getattr__(self, name: str) -> np.ndarray:
            """Makes the arrays that were let go of; raises AttributeError for any other name."""
            if name not in _ACTIVATED or not self.__dict__.get("_can_let_go", False):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            self.__dict__.update(_activated(self.vertices, self.layout))
            return self.__dict__[name]

    @cached_property
    def sh(self) -> np.ndarray:  # [N, K, 3]
        """Spherical harmonics, float32 [N, K, 3], K = (degree + 1) ** 2, k = 0 the constant term (f_dc).

        Built at first use, because it is the largest array by far (576 MB for 3 M Gaussians of degree 3).
        """
        out = np.empty((len(self), self.layout.coefficients, 3), np.float32)
        for rows in _blocks(len(self)):
            out[rows] = self._read_sh(rows).transpose(0, 2, 1)
        return out

    def colors(
        self,
        viewpoint: np.ndarray,  # [3]
        rows: np.ndarray | None = None,  # [n] int64
    ) -> np.ndarray:  # [N or n, 3]
        """Returns RGB of every Gaussian seen from `viewpoint` (world coordinates), float32 [N, 3], not below 0.

        With `rows`, of these alone.

        0.5 plus the spherical harmonics in the direction from the viewpoint to the mean, clipped below at 0:
        1 is white, a trained scene may exceed it slightly. Degrees above 4 are left out. Works in blocks
        straight from the stored rows; memory is that of the result.
        """
        size = len(self) if rows is None else len(rows)
        out = np.empty((size, 3), np.float32)
        origin = np.asarray(viewpoint, np.float32)
        count = min(self.layout.coefficients, MAX_EVALUATED)
        for place in _blocks(size):
            block = place if rows is None else rows[place]
            direction = self.means[block] - origin
            direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-12)
            basis = evaluate_basis(direction, count)
            out[place] = np.einsum("nk,nck->nc", basis, self._read_sh(block)[:, :, :count])
            if place.start % _LET_GO == 0:
                let_go(self.vertices)
        let_go(self.vertices)
        out += 0.5
        return np.maximum(out, 0, out=out)

    def base_colors(self) -> np.ndarray:  # [N, 3]
        """RGB of every Gaussian's constant spherical harmonics, the mean over all directions: float32 in [0, 1]."""
        parts = [self._read_sh(rows)[:, :, 0] for rows in _blocks(len(self))]
        return np.clip(0.5 + C0 * np.concatenate(parts), 0, 1)

    def _read_sh(self, rows: slice | np.ndarray) -> np.ndarray:  # [n, 3, K]
        """Returns spherical harmonics of some rows, channel-major as the file has them; zeros for invalid rows."""
        block = self.vertices[rows]
        constant = _columns(block, self.layout.dc)
        if self.layout.is_rgb:
            constant = (constant / 255 - 0.5) / C0
        rest = _columns(block, self.layout.rest).reshape(len(block), 3, self.layout.coefficients - 1)
        sh = np.concatenate([constant[:, :, None], rest], axis=2)
        sh[~self.valid[rows]] = 0
        return sh

    def to_open3d(
        self,
        mask: np.ndarray | None = None,  # [N] bool
    ) -> Any:
        """Returns the rows of `mask` (all without it) as an open3d.geometry.PointCloud: means, colors and normals.

        Colors are those of the constant spherical harmonics, in [0, 1]; normals are the shortest axes, of either
        sign. Rows that are not valid are left out.

        Raises:
            SagaError: Open3D (extra `open3d`), or a library of the system that it loads, is missing.
        """
        from saga.scene.point_cloud import point_cloud

        return point_cloud(self, mask)

    def write(
        self,
        path: str | Path,
        mask: np.ndarray | None = None,  # [N]
    ) -> None:
        """Write the rows of `mask` (bool [N]; all without it) in the format that the ending of `path` names.

        In a PLY every property that was read keeps its bits, its order and its type; the format, comments and other
        elements stay. Rows that are not valid are written like any other when they are selected. Other formats
        (`saga.scene.formats`) hold Gaussians alone, valid ones and as precisely as each does; a warning says which
        properties they have no place for.
        The file appears whole or not at all. Raises SagaError when it cannot be written.
        """
        if mask is not None and (mask.shape != (len(self),) or mask.dtype != bool):
            raise ValueError(f"mask must be bool [{len(self)}], got {mask.dtype} {list(mask.shape)}")
        format = format_by_name(Path(path))
        if format is not None:
            self._warn_of_loss(format)
            kept = self.valid if mask is None else mask & self.valid
            with atomic_path(path) as temporary:
                temporary.write_bytes(written_converted(Path(path), self._plain(kept, format), format))
            return
        with atomic_path(path) as temporary:
            write_some_rows(self.ply, self.vertices, mask, temporary)

    def _plain(self, kept: np.ndarray, format: SplatFormat) -> PlyData:
        """The rows `kept` in the INRIA layout for a format that knows no other: filtered, three scales, its degree."""
        sh = self.sh[:, : (highest_degree(format) + 1) ** 2]
        arrays = (self.means, self.scales, self.quaternions, self.opacities, sh)
        return Gaussians.from_arrays(*(array[kept] for array in arrays)).ply

    def _warn_of_loss(self, format: SplatFormat) -> None:
        """Says which properties of the PLY a format has no place for."""
        known = {*self.layout.geometry, *self.layout.dc, *self.layout.rest, "nx", "ny", "nz"}
        others = [name for name in self.vertices.dtype.names or () if name not in known]
        lost = [f"the properties {', '.join(others)}"] if others else []
        lost += [f"the element {element.name}" for element in self.ply.elements if element.name != "vertex"]
        degree = highest_degree(format)
        if self.layout.coefficients > (degree + 1) ** 2:
            lost.append(f"spherical harmonics above degree {degree}")
        if lost:
            warnings.warn(f"{format}: has no place for {' and '.join(lost)}; a PLY keeps them", stacklevel=3)

    def digest(self) -> str:
        """Returns SHA-256 (hexadecimal) of means, scales, quaternions and opacities as stored in the file.

        Independent of the file's format, byte order and other properties; changes with the order of rows.
        """
        return self._digest

    @cached_property
    def _digest(self) -> str:
        sha = hashlib.sha256()
        for rows in _blocks(len(self)):
            sha.update(_columns(self.vertices[rows], self.layout.geometry).astype("<f4", copy=False).tobytes())
            if rows.start % _LET_GO == 0:
                let_go(self.vertices)
        let_go(self.vertices)
        return sha.hexdigest()


def _activated(
    vertices: np.ndarray,  # [N]
    layout: Layout,
    each: Callable[[bytes], None] = lambda stored: None,
) -> dict[str, np.ndarray]:
    """Returns the arrays `_ACTIVATED` of stored rows by their names; `each` is as in `Gaussians._from_ply`."""
    count = len(vertices)
    means, scales = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    quaternions, opacities = np.empty((count, 4), np.float32), np.empty(count, np.float32)
    valid = np.empty(count, bool)
    for rows in _blocks(count):
        stored = _stored(vertices[rows], layout)
        if layout.as_stored:
            each(stored.astype("<f4", copy=False).tobytes())
        # An infinite opacity logit is how some exporters write an opacity of exactly 0 or 1.
        good = np.isfinite(stored[:, :10]).all(axis=1) & ~np.isnan(stored[:, 10])
        good &= np.isfinite(_columns(vertices[rows], (*layout.dc, *layout.rest))).all(axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            block = _activate(stored)
            if layout.has_filter:
                _add_filter(block, vertices[rows][FILTER])
            good &= np.isfinite(block).all(axis=1)
        block[~good] = (0, 0, 0, *[_SMALLEST_SCALE] * 3, 1, 0, 0, 0, 0)
        means[rows], scales[rows] = block[:, 0:3], block[:, 3:6]
        quaternions[rows], opacities[rows], valid[rows] = block[:, 6:10], block[:, 10], good
        if rows.start % _LET_GO == 0:
            let_go(vertices)
    let_go(vertices)
    return dict(zip(_ACTIVATED, (means, scales, quaternions, opacities, valid), strict=True))


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))


def _columns(rows: np.ndarray, names: Sequence[str]) -> np.ndarray:  # [n, len(names)]
    out = np.empty((len(rows), len(names)), np.float32)
    for k, name in enumerate(names):
        out[:, k] = rows[name]
    return out


def _store(rows: np.ndarray, names: Sequence[str], values: np.ndarray) -> None:
    for k, name in enumerate(names):
        rows[name] = values[:, k]


def _stored(rows: np.ndarray, layout: Layout) -> np.ndarray:  # [n, 11]
    """Returns mean, log scales, quaternion and opacity logit as stored; a flat surfel gets a third scale."""
    if len(layout.scales) == len(SCALES):
        return _columns(rows, STORED)
    means, scales, others = (_columns(rows, names) for names in (MEANS, layout.scales, (*QUATERNION, *OPACITY)))
    thin = scales.min(axis=1, keepdims=True) + np.float32(math.log(FLATNESS))
    return np.concatenate([means, scales, thin, others], axis=1)


def _add_filter(
    block: np.ndarray,  # [n, 11]
    filters: np.ndarray,  # [n]
) -> None:
    """Widens scales by Mip-Splatting's filter and lowers opacities so that what is integrated stays (its eq. 7)."""
    wide = np.sqrt(block[:, 3:6].astype(np.float64) ** 2 + filters.astype(np.float64)[:, None] ** 2)
    block[:, 10] *= np.prod(block[:, 3:6] / wide, axis=1)
    block[:, 3:6] = wide


def _activate(stored: np.ndarray) -> np.ndarray:  # [n, 11]
    """Turns stored mean, log scales, quaternion and opacity logit, as `_stored` gives them, into usable values."""
    block = stored.copy()
    block[:, 3:6] = np.exp(stored[:, 3:6])
    norm = np.linalg.norm(stored[:, 6:10], axis=1, keepdims=True)
    # A zero quaternion is how some exporters write "not rotated".
    block[:, 6:10] = np.where(norm > 0, stored[:, 6:10] / np.where(norm > 0, norm, 1), (1, 0, 0, 0))
    block[:, 10] = 1 / (1 + np.exp(-stored[:, 10]))
    return block


def _check_shapes(
    means: np.ndarray, scales: np.ndarray, quaternions: np.ndarray, opacities: np.ndarray, sh: np.ndarray
) -> tuple[int, int]:
    count = len(means)
    coefficients = sh.shape[1] if sh.ndim == 3 else 0
    expected = {"means": (count, 3), "scales": (count, 3), "quaternions": (count, 4), "opacities": (count,)}
    expected["sh"] = (count, max(coefficients, 1), 3)
    given = {"means": means, "scales": scales, "quaternions": quaternions, "opacities": opacities, "sh": sh}
    for name, shape in expected.items():
        if given[name].shape != shape:
            raise ValueError(f"{name} must be {list(shape)}, got {list(given[name].shape)}")
    if math.isqrt(coefficients) ** 2 != coefficients:
        raise ValueError(f"sh must be [N, K, 3] with K = 1, 4, 9, 16 or 25, got K = {coefficients}")
    return count, coefficients
