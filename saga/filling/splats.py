"""Flat Gaussians on a sheet, in the layout of a scene's PLY."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from plyfile import PlyData, PlyProperty

from saga.scene import Gaussians
from saga.scene.gaussians import FLATNESS
from saga.scene.ply import FILTER, MEANS, OPACITY, QUATERNION, SCALES
from saga.scene.spherical_harmonics import C0

PROPERTY = "filled"
"""1 for Gaussians that were filled in, 0 for those of the scene."""
_LEAST_OPACITY, _MOST_OPACITY = 1e-4, 1 - 1e-6


@dataclass(frozen=True, eq=False)
class Flakes:
    """Flat Gaussians without harmonics beyond the constant term."""

    means: np.ndarray  # [n, 3]
    scales: np.ndarray  # [n, 3]
    """Standard deviations along their own axes, the last along the normal, world units."""
    quaternions: np.ndarray  # [n, 4]
    """w first."""
    opacities: np.ndarray  # [n]
    colors: np.ndarray  # [n, 3]
    """RGB from 0 to 1."""
    parents: np.ndarray  # [n]
    """Rows of the scene's Gaussians that all other properties are taken from, int64."""

    def __len__(self) -> int:
        """Returns how many there are."""
        return len(self.means)

    @staticmethod
    def joined(parts: Sequence[Flakes]) -> Flakes:
        """Returns the Gaussians of all parts."""
        rows, triples = np.zeros(0), np.zeros((0, 3))
        none = Flakes(triples, triples, np.zeros((0, 4)), rows, triples, np.zeros(0, np.int64))
        names = [field.name for field in fields(Flakes)]
        return Flakes(*(np.concatenate([getattr(each, name) for each in (none, *parts)]) for name in names))


def with_flakes(
    gaussians: Gaussians,
    kept: np.ndarray,  # [N] bool
    flakes: Flakes,
) -> Gaussians:
    """Returns some of a scene's Gaussians, and new ones behind them, with the property `filled`, uint8.

    Kept rows keep their bits; a `filled` of before stays where it is set. New rows have no view-dependent color, and
    what else the scene's PLY holds of a Gaussian as their parents do.

    Args:
        gaussians: the scene's.
        kept: rows that stay.
        flakes: the new ones.
    """
    old = gaussians.vertices
    kinds = {name: old.dtype[name] for name in old.dtype.names or ()}
    fresh_property = PROPERTY not in kinds
    kinds.setdefault(PROPERTY, np.dtype(np.uint8))
    count = int(kept.sum())
    rows = np.zeros(count + len(flakes), list(kinds.items()))
    for name in old.dtype.names or ():
        rows[name][:count] = old[name][kept]
        rows[name][count:] = old[name][flakes.parents]
    _store(rows[count:], gaussians, flakes)
    rows[PROPERTY][count:] = 1
    element = copy.copy(gaussians.ply["vertex"])
    element.data = rows
    if fresh_property:
        element.properties = (*element.properties, PlyProperty(PROPERTY, "u1"))
    scales = flakes.scales.copy()
    if SCALES[2] not in gaussians.layout.scales:  # the thin axis of a surfel is none of the file's
        scales[:, 2] = FLATNESS * scales[:, :2].min(axis=1)
    ply = gaussians.ply
    elements = [element if each.name == "vertex" else each for each in ply.elements]
    return replace(
        gaussians,
        means=_joined(gaussians.means[kept], flakes.means),
        scales=_joined(gaussians.scales[kept], scales),
        quaternions=_joined(gaussians.quaternions[kept], flakes.quaternions),
        opacities=_joined(gaussians.opacities[kept], flakes.opacities),
        valid=np.concatenate([gaussians.valid[kept], np.ones(len(flakes), bool)]),
        vertices=rows,
        ply=PlyData(elements, ply.text, ply.byte_order, ply.comments, ply.obj_info),
    )


def _store(
    rows: np.ndarray,  # [n]
    gaussians: Gaussians,
    flakes: Flakes,
) -> None:
    """Writes the new Gaussians over the properties of their parents."""
    layout = gaussians.layout
    opacities = np.clip(flakes.opacities.astype(np.float64), _LEAST_OPACITY, _MOST_OPACITY)
    colors = np.clip(flakes.colors, 0, 1)
    stored = {
        **dict(zip(MEANS, flakes.means.T, strict=True)),
        **dict(zip(SCALES, np.log(flakes.scales).T, strict=True)),
        **dict(zip(QUATERNION, flakes.quaternions.T, strict=True)),
        OPACITY[0]: np.log(opacities / (1 - opacities)),
        **dict(zip(layout.dc, np.rint(255 * colors).T if layout.is_rgb else ((colors - 0.5) / C0).T, strict=True)),
        **dict.fromkeys(layout.rest, 0),
        FILTER: 0,
    }
    for name, values in stored.items():
        if name in (rows.dtype.names or ()):
            rows[name] = values


def _joined(
    old: np.ndarray,  # [N, ...]
    new: np.ndarray,  # [n, ...]
) -> np.ndarray:  # [N + n, ...]
    return np.concatenate([old, new.astype(old.dtype)])
