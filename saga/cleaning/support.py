"""Which Gaussians hold each other up: surfaces are dense for the size of what they are made of, what floats is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saga.postprocess import nearest_neighbors
from saga.raster import Geometry

LEVELS = (1.5, 2.2, 3.2)
"""How loose a Gaussian may lie among its neighbors at each level, in those of the scene's median."""
_NEIGHBORS, _NEAREST = 17, 4
"""Neighbors looked at, itself included, and which of them tells how loose a Gaussian lies: a leaf is a narrow strip."""
_FEWEST = 20
"""Gaussians that hang together from which they hold each other up: fewer are a clump."""
_FAINT = 0.1
"""Opacity below which a Gaussian holds up no other."""
_LARGE = 2.0
"""Longest standard deviation, in distances to the last neighbor, from which a Gaussian is no part of a surface."""
_CLOSE = 4.0
"""A surface sampled regularly lies at about 2."""
_TOUCH = 2.0
"""Distance from a firm Gaussian, in longest standard deviations of both, up to which a tip is the end of it."""
_ALIKE = 2.0
"""How many times as long the one may be as the other: a tip is as large as what it ends."""
_ROUNDS = 6
_PIECE = 1 << 18


@dataclass(frozen=True, eq=False)
class Support:
    """How firmly each Gaussian is part of something."""

    held: Tensor  # [N] int8
    """At how many of the `LEVELS` it is held up by others that are: 0 floats, all of them is firm."""
    large: Tensor  # [N]
    """Its longest standard deviation in distances to its neighbors; 0 where it has none."""

    @property
    def firm(self) -> Tensor:  # [N]
        """Gaussians that make up surfaces, bool [N]."""
        return self.held == len(LEVELS)


def support_of(
    geometry: Geometry,
    strays: Tensor | None = None,  # [N] bool
) -> Support:
    """Tells which Gaussians are held up by others.

    A Gaussian lies as loosely as the distance to the fourth nearest of 16 neighbors, each distance in geometric means
    of the two Gaussians' second standard deviations. One that lies looser than a level allows, one far longer than its
    neighbors are apart, one that is nearly transparent, and one of a clump of a few that hang together hold up nothing;
    without them, others lie looser, until nothing changes, as in the k-core of a graph. So a cloud of stray Gaussians
    that are each other's neighbors falls apart, and a surface stays. At last, the tips of strips are held up by what
    they end. What is sparse in a scene is measured by the scene's own median.

    Args:
        geometry: the Gaussians.
        strays: those that are known to hold up nothing, and are held up by nothing; none by default.
    """
    count, device = len(geometry), geometry.device
    held = torch.zeros(count, dtype=torch.int8, device=device)
    large = torch.zeros(count, device=device)
    sorted_scales = geometry.scales.sort(dim=1).values
    middle = sorted_scales[:, 1].clamp_min(torch.finfo(torch.float32).tiny)
    opaque = geometry.opacities > _FAINT if strays is None else (geometry.opacities > _FAINT) & ~strays
    rows = opaque.nonzero()[:, 0]
    if len(rows) <= _NEAREST:
        return Support(held, large)
    loose, apart, found = _looseness(geometry, middle, rows)
    large[rows] = sorted_scales[rows, 2] / apart.clamp_min(torch.finfo(torch.float32).tiny)
    typical = float(loose.median())
    for level in sorted(LEVELS, reverse=True):  # what holds at a stricter level holds at the looser ones
        limit = max(_CLOSE, level * typical)
        for _ in range(_ROUNDS):
            kept = (loose < limit) & (sorted_scales[rows, 2] < _LARGE * apart) & _among_many(found)
            if int(kept.sum()) <= _NEAREST:
                return Support(held, large)
            if bool(kept.all()):
                break
            rows = rows[kept]
            loose, apart, found = _looseness(geometry, middle, rows)
        held[rows] += 1
    held[_tips(geometry, sorted_scales[:, 2], held, opaque)] = len(LEVELS)
    return Support(held, large)


def _tips(
    geometry: Geometry,
    longest: Tensor,  # [N]
    held: Tensor,  # [N] int8
    opaque: Tensor,  # [N] bool
) -> Tensor:  # [n] int64
    """Returns the rows of the ends of strips, which have too few neighbors but touch a firm one of their own size."""
    from scipy.spatial import cKDTree

    firm = (held == len(LEVELS)).nonzero()[:, 0]
    rows = ((held < len(LEVELS)) & opaque).nonzero()[:, 0]
    if len(firm) == 0 or len(rows) == 0:
        return rows[:0]
    tree = cKDTree(geometry.means[firm].cpu().numpy())
    found = tree.query(geometry.means[rows].cpu().numpy(), workers=-1)[1]
    near = firm[torch.from_numpy(found).to(firm.device)]
    sizes, others = longest[rows], longest[near]
    distance = (geometry.means[rows] - geometry.means[near]).norm(dim=1)
    alike = torch.maximum(sizes, others) < _ALIKE * torch.minimum(sizes, others)
    return rows[alike & (distance < _TOUCH * (sizes * others).sqrt())]


def _among_many(
    found: Tensor,  # [n, k] int32
) -> Tensor:  # [n] bool
    """Tells which Gaussians hang together with many, each with the few nearest to it."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    near = found[:, : _NEAREST + 1].cpu().numpy()
    count, each = near.shape
    graph = csr_matrix((np.ones(near.size, bool), near.ravel(), np.arange(count + 1) * each), shape=(count, count))
    component = connected_components(graph, directed=False)[1]
    return torch.from_numpy(np.bincount(component)[component] >= _FEWEST).to(found.device)


def _looseness(
    geometry: Geometry,
    middle: Tensor,  # [N]
    rows: Tensor,  # [n] int64
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns how loosely some Gaussians lie among each other, how far from the last neighbor, and the neighbors.

    They are [n], [n] in world units, and [n, k] int32, places among the rows.
    """
    means, sizes = geometry.means[rows], middle[rows]
    found = nearest_neighbors(means, min(_NEIGHBORS, len(rows)))
    loose, apart = torch.empty_like(sizes), torch.empty_like(sizes)
    for first in range(0, len(rows), _PIECE):
        part = slice(first, first + _PIECE)
        others = found[part, 1:].long()
        distance = (means[part, None] - means[others]).norm(dim=2)
        relative = distance / (sizes[part, None] * sizes[others]).sqrt()
        loose[part] = relative.sort(dim=1).values[:, min(_NEAREST, relative.shape[1]) - 1]
        apart[part] = distance.amax(dim=1)
    return loose, apart, found
