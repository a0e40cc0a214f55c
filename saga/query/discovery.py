"""Discovery: the objects of a scene as clusters of feature directions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from saga.query.matching import lengths_of

_SAMPLE = 50_000
_SEEDS = 128
_CHUNK = 1 << 18
_NO_LENGTH = 1e-9
"""Vectors that are shorter have no direction."""


def cluster(
    field: Tensor,  # [N, C]
    candidates: Tensor,  # [N] bool
    similarity: float,
    smallest: int,
    seed: int,
) -> list[tuple[Tensor, Tensor]]:
    """Returns clusters of feature directions, largest first: center [C] and members [N] bool of each.

    k-means on a sample gives many small clusters; those whose centers are alike are merged (average
    linkage on cosine similarity); every candidate joins the nearest center if it is similar enough. Features that have
    no direction are like nothing.
    """
    from sklearn.cluster import MiniBatchKMeans  # loaded when needed, as in queries.kmeans_centers

    candidates = candidates & (lengths_of(field) > _NO_LENGTH)
    rows = candidates.nonzero()[:, 0]
    if len(rows) == 0:
        return []
    rng = np.random.default_rng(seed)
    sampled = rows[torch.from_numpy(rng.choice(len(rows), min(_SAMPLE, len(rows)), replace=False)).to(rows.device)]
    features = F.normalize(field[sampled].float(), dim=1).cpu().numpy()
    fitted = MiniBatchKMeans(min(_SEEDS, len(features)), n_init=1, batch_size=4096, random_state=seed).fit(features)
    centers = _merge(fitted.cluster_centers_, np.bincount(fitted.labels_), similarity)
    if len(centers) == 0:
        return []
    assigned = _assign(field, torch.from_numpy(centers).to(field.device), similarity)
    assigned[~candidates] = -1
    sizes = torch.bincount(assigned[assigned >= 0], minlength=len(centers))
    order = torch.argsort(sizes, descending=True, stable=True)
    return [(torch.from_numpy(centers[int(k)]).to(field.device), assigned == k) for k in order if sizes[k] >= smallest]


def _merge(centers: np.ndarray, sizes: np.ndarray, similarity: float) -> np.ndarray:  # [K, C]
    sizes = np.pad(sizes, (0, len(centers) - len(sizes)))
    lengths = np.linalg.norm(centers, axis=1)
    kept = (sizes > 0) & (lengths > _NO_LENGTH)  # directions that cancel out have none in common
    unit, sizes = centers[kept] / lengths[kept, None], sizes[kept]
    labels = np.zeros(len(unit), int)
    if len(unit) > 1:
        from sklearn.cluster import AgglomerativeClustering

        merging = AgglomerativeClustering(
            n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - similarity
        )
        labels = merging.fit_predict(unit)
    sums = np.zeros((labels.max(initial=-1) + 1, unit.shape[1]), np.float32)
    np.add.at(sums, labels, unit * sizes[:, None])
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))


def _assign(field: Tensor, centers: Tensor, similarity: float) -> Tensor:  # [N] int64, -1 = none
    parts = []
    for part in field.split(_CHUNK):
        best, index = (F.normalize(part.float(), dim=1) @ centers.T).max(1)
        parts.append(torch.where(best >= similarity, index, -1))
    return torch.cat(parts)
