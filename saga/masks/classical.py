"""Masks of an image without any learnt weights: what the toolkit uses when there is nothing better."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from saga.masks.color_edges import color_edges
from saga.masks.config import ClassicalConfig
from saga.masks.models.registry import MODELS
from saga.masks.regions import RegionTree, region_tree
from saga.scene.resizing import resize


@dataclass(frozen=True)
class ClassicalGenerator:
    """Masks from a hierarchy of regions of like color and texture (see `saga.masks.regions`).

    An object whose color sets it apart from what it stands on comes out whole, and so do its parts. An
    object that no edge separates from its surroundings does not: that takes a learnt model.
    """

    config: ClassicalConfig = field(default_factory=ClassicalConfig)

    @property
    def name(self) -> str:
        """Names the generator in the cache."""
        return "classical"

    @property
    def description(self) -> str:
        """One line for people: what the masks are, what a mask model would add and how to get it."""
        offered = " or ".join(f"--sam {name} ({MODELS[name].megabytes} MB)" for name in ("mobile", "vit_b"))
        return (
            "masks by classical segmentation of color and texture; Segment Anything finds objects of many "
            f"colors better and adds features for its prompts: {offered}"
        )

    @property
    def identity(self) -> dict[str, object]:
        """Everything that decides the masks of an image, JSON-able: the cache's key."""
        return {"version": 1, **asdict(self.config)}

    def generate(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> tuple[np.ndarray, None]:  # [M, H, W]
        """Returns masks bool [M, H, W] of a uint8 RGB image [H, W, 3], larger first, and no features."""
        height, width = image.shape[:2]
        scale = min(1.0, self.config.long_side / max(height, width))
        small = resize(image, max(1, round(width * scale)), max(1, round(height * scale)))
        tree = region_tree(color_edges(small), self.config.superpixels)
        chosen = choose_regions(tree, self.config)
        rows = (np.arange(height) + 0.5) * small.shape[0] / height
        columns = (np.arange(width) + 0.5) * small.shape[1] / width
        superpixels = tree.superpixels[rows.astype(int)[:, None], columns.astype(int)[None]]
        return tree.members[chosen][:, superpixels], None


def choose_regions(tree: RegionTree, config: ClassicalConfig) -> np.ndarray:  # [M]
    """Returns indices of the regions worth a mask, int64 [M], larger first.

    A good region has an edge all around and stays unmerged for long while the tree grows. Such scores are
    only comparable between regions of one size, so each doubling of the area fills its own share of the
    masks, and small parts do not crowd out the wholes.
    """
    share = tree.areas / tree.superpixels.size
    persistence = np.maximum(tree.parent_heights - tree.heights, 0.0)
    score = tree.contrasts * np.sqrt(persistence)
    allowed = (share >= config.smallest) & (share <= config.largest) & (tree.seams >= config.seam)
    octave = np.floor(np.log2(np.maximum(share, config.smallest) / config.smallest))
    weights = tree.areas[: tree.members.shape[1]]
    ranked: list[tuple[int, float, int]] = []
    octaves = np.unique(octave[allowed])
    for size in octaves:
        inside = np.flatnonzero(allowed & (octave == size))
        inside = inside[np.argsort(-score[inside], kind="stable")]
        kept = _distinct(tree, inside, weights, config.duplicate_iou, config.masks)
        ranked += [(rank, -float(score[node]), node) for rank, node in enumerate(kept)]
    order = np.array([node for _, _, node in sorted(ranked)], dtype=np.int64)
    chosen = np.array(_distinct(tree, order, weights, config.duplicate_iou, config.masks), dtype=np.int64)
    return chosen[np.argsort(-tree.areas[chosen], kind="stable")]


def _distinct(
    tree: RegionTree,
    nodes: np.ndarray,  # [K]
    weights: np.ndarray,  # [L]
    limit: float,
    most: int,
) -> list[int]:
    """Returns the first `most` of `nodes`, in order, that overlap no earlier one by more than `limit` (IoU)."""
    kept: list[int] = []
    weighted = np.zeros((most, tree.members.shape[1]))
    for node in nodes.tolist():
        if len(kept) == most:
            break
        overlap = weighted[: len(kept)] @ tree.members[node]
        union = tree.areas[kept] + tree.areas[node] - overlap
        if not np.any(overlap > limit * union):
            weighted[len(kept)] = tree.members[node] * weights
            kept.append(node)
    return kept
