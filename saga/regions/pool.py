"""The regions worth keeping of several hierarchies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saga.regions.config import RegionConfig
from saga.regions.hierarchy import Hierarchy

_DUPLICATE_OF_ONE = 0.85
"""Of two regions of one hierarchy with a greater IoU, one is proposed."""


def pool(
    hierarchies: Sequence[Hierarchy],
    samples: float,
    config: RegionConfig,
) -> np.ndarray:  # [R, L]
    """The regions of several hierarchies that stand out most, each once; bool [R, L].

    Those that more hierarchies have come first, then those with the stronger border.

    Args:
        hierarchies: of the same L cells.
        samples: samples of a view that show the surface, the mean over all views.
        config: how many, and which count as the same.
    """
    weights = hierarchies[0].areas[: hierarchies[0].members.shape[1]].astype(np.float32)
    sound = [np.flatnonzero(_sound(tree, samples, config)) for tree in hierarchies]
    members, scores = [], []
    for tree in hierarchies:
        proposed = tree.members[_proposals(tree, samples, config)]
        votes, contrasts = np.zeros((2, len(proposed)))
        for voter, nodes in zip(hierarchies, sound, strict=True):
            if len(nodes) == 0:
                continue
            overlap = _iou_with_nodes(proposed, voter, nodes, weights)
            best = nodes[overlap.argmax(1)]
            same = overlap.max(1) > config.agreement
            votes += same
            contrasts += same * voter.contrasts[best] * voter.seams[best]
        members.append(proposed)
        scores.append(votes + contrasts / np.maximum(votes, 1))
    joined, score = np.concatenate(members), np.concatenate(scores)
    kept = distinct(joined, np.argsort(-score, kind="stable"), weights, config.duplicate, config.regions)
    pooled: np.ndarray = joined[kept]
    return pooled


def distinct(
    members: np.ndarray,  # [R, L]
    order: np.ndarray,  # [K]
    weights: np.ndarray,  # [L]
    limit: float,
    most: int,
) -> np.ndarray:  # [K']
    """The first `most` regions, in order, that overlap no earlier one by more than `limit` (IoU)."""
    ordered = members[order].astype(np.float32)
    shared = (ordered * weights) @ ordered.T
    areas = np.diag(shared)
    duplicate = shared > limit * (areas[:, None] + areas[None] - shared)
    kept: list[int] = []
    for index in range(len(order)):
        if len(kept) == most:
            break
        if not duplicate[index, kept].any():
            kept.append(index)
    chosen: np.ndarray = order[kept]
    return chosen


def _iou_with_nodes(
    sets: np.ndarray,  # [R, L]
    tree: Hierarchy,
    nodes: np.ndarray,  # [S]
    weights: np.ndarray,  # [L]
) -> np.ndarray:  # [R, S]
    """IoU of sets of cells with regions of a hierarchy, whose cells lie side by side in its order."""
    weighed = weights[tree.order].astype(np.float64)
    start, stop = tree.spans[nodes].T
    upto = np.zeros((len(sets), len(weights) + 1))
    np.cumsum(sets[:, tree.order] * weighed, axis=1, out=upto[:, 1:])
    shared = upto[:, stop] - upto[:, start]
    whole = np.append(0.0, np.cumsum(weighed))
    union = upto[:, -1:] + (whole[stop] - whole[start])[None] - shared
    iou: np.ndarray = shared / np.maximum(union, 1e-9)
    return iou


def _sound(tree: Hierarchy, samples: float, config: RegionConfig) -> np.ndarray:  # [T]
    """Which regions have a size and a seam that count."""
    share = tree.areas / samples
    return (share >= config.smallest) & (share <= config.largest) & (tree.seams >= config.seam)


def _proposals(tree: Hierarchy, samples: float, config: RegionConfig) -> np.ndarray:  # [K]
    """Regions with an edge all around that stay unmerged for long while the tree grows.

    Such scores are only comparable between regions of one size, so each doubling of the area fills its own
    share, and small parts do not crowd out the wholes.
    """
    share = tree.areas / samples
    score = tree.contrasts * np.sqrt(tree.persistences)
    octave = np.floor(np.log2(np.maximum(share, config.smallest) / config.smallest))
    sound = _sound(tree, samples, config)
    ranked: list[tuple[int, float, int]] = []
    for size in np.unique(octave[sound]):
        inside = np.flatnonzero(sound & (octave == size))
        inside = inside[np.argsort(-score[inside], kind="stable")]
        kept = _distinct_of_one(tree, inside.tolist(), config.each)
        ranked += [(rank, -float(score[node]), node) for rank, node in enumerate(kept)]
    return np.array(_distinct_of_one(tree, [node for _, _, node in sorted(ranked)], config.each), np.int64)


def _distinct_of_one(tree: Hierarchy, order: Sequence[int], most: int) -> list[int]:
    """As `distinct`, for regions of one hierarchy: these lie inside each other or share nothing."""
    areas, parents = tree.areas.tolist(), tree.parents.tolist()
    kept: list[int] = []
    taken: set[int] = set()
    holding: set[int] = set()
    for node in order:
        if len(kept) == most:
            break
        around, outer = [], parents[node]
        while outer >= 0 and areas[node] > _DUPLICATE_OF_ONE * areas[outer]:
            around.append(outer)
            outer = parents[outer]
        if node not in holding and taken.isdisjoint(around):
            kept.append(node)
            taken.add(node)
            holding.update(around)
    return kept
