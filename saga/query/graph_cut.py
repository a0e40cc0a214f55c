"""Graph step after matching: an s-t cut that lets neighbors decide where scores do not.

Gaussians whose score lies near the threshold are the nodes; mutual nearest neighbors with similar features are
joined. The cut weighs each node's own score against cutting its edges (as graph cuts do for pixels: Boykov and
Jolly 2001; for Gaussians: GaussianCut, 2024). Everything farther from the threshold keeps its side.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from saga.raster import SparseRows

_MARGIN = 0.25
"""Distance of a score from the threshold beyond which a Gaussian's side is certain."""
_SCALE = 1000.0
"""Capacities are whole numbers: this much is 1."""


def cut(
    scores: Tensor,  # [N]
    threshold: float,
    features: Tensor,  # [N, C]
    neighbors: SparseRows,  # [N, N]
    smoothness: float,
) -> Tensor:  # [N]
    """Returns which Gaussians lie on the object's side of the least cut, bool [N].

    Args:
        scores: similarity to the prompt.
        threshold: where a score alone would change sides.
        features: of every Gaussian; edges weigh the square of their cosine similarity, 0 when negative.
        neighbors: each row holds a Gaussian's neighbors (its own entry and weights are ignored).
        smoothness: weight of edges; 0 is the threshold alone.
    """
    strength = ((scores - threshold) / _MARGIN).clamp(-1, 1)
    selected = strength > 0
    nodes = (strength.abs() < 1).nonzero()[:, 0]
    if len(nodes) == 0 or smoothness == 0:
        return selected
    near, other, weight = _edges(nodes, features, neighbors, smoothness)
    inside = (strength.abs() < 1)[other]
    own = strength[nodes].clone()
    # A neighbor whose side is certain pulls like a score does.
    own.index_add_(0, near[~inside], weight[~inside] * strength[other[~inside]].sign())
    rank = torch.full((len(scores),), -1, dtype=torch.int64, device=scores.device)
    rank[nodes] = torch.arange(len(nodes), device=scores.device)
    side = _least_cut(*(part.cpu().numpy() for part in (own, near[inside], rank[other[inside]], weight[inside])))
    selected[nodes] = torch.from_numpy(side).to(selected.device)
    return selected


def _edges(
    nodes: Tensor,  # [V]
    features: Tensor,  # [N, C]
    neighbors: SparseRows,
    smoothness: float,
) -> tuple[Tensor, Tensor, Tensor]:  # each [E]
    """Returns edges from the nodes: number of the node, the Gaussian at the other end, and the weight."""
    part = neighbors.select(nodes)
    near = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), part.indptr.diff())
    other = part.indices.long()
    edge = other != nodes[near]
    near, other = near[edge], other[edge]
    similarity = (
        F.cosine_similarity(features[nodes[near]].float(), features[other].float(), dim=1).clamp(min=0).square()
    )
    return near, other, smoothness * similarity


def _least_cut(
    own: np.ndarray,  # [V]
    near: np.ndarray,  # [E]
    other: np.ndarray,  # [E]
    weight: np.ndarray,  # [E]
) -> np.ndarray:  # [V] bool
    """Nodes still reached from the source when the network is full."""
    from scipy.sparse import coo_array, csr_array  # loaded when needed: no click takes a cut unless it is asked for
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    count = len(own)
    source, sink = count, count + 1
    node = np.arange(count)
    rows = np.concatenate([np.full(count, source), node, near])
    columns = np.concatenate([node, np.full(count, sink), other])
    values = np.concatenate([np.maximum(own, 0), np.maximum(-own, 0), weight])
    capacity = csr_array(coo_array(((values * _SCALE).astype(np.int32), (rows, columns)), shape=(count + 2, count + 2)))
    residual = capacity - maximum_flow(capacity, source, sink).flow
    residual.data = np.maximum(residual.data, 0)
    residual.eliminate_zeros()
    reached = np.zeros(count + 2, bool)
    reached[breadth_first_order(residual, source, return_predecessors=False)] = True
    return reached[:count]
