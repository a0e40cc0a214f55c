"""Masks of everything in an image, by prompting a model with a grid of points.

The rules are those of "Segment Anything" (Kirillov et al., 2023), section 4 and appendix B, with segment-anything's
own functions for crops, boxes, stability and duplicates, and they are the same for every model. Masks stay coarse until
it is known which of them are kept, so a photograph of any size takes the same memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from segment_anything.utils import amg
from torch import Tensor
from torchvision.ops.boxes import batched_nms

from saga.masks.models.model import Encoded, MaskModel

_STABILITY_OFFSET = 1.0
"""How far the cutoff of logits moves up and down when a mask's stability is measured; segment-anything's default."""
_CROP_OVERLAP = 512 / 1500
"""Overlap of crops in a part of the image; segment-anything's default."""
_CROP_NMS = 0.7
"""IoU of boxes above which one of two masks of different crops is dropped; segment-anything's default."""
_CPU_BATCH = 4
"""Most prompts that a CPU decodes at once: more do not fit into its caches, and take longer for each."""
_ENLARGED_VALUES = 1 << 26
"""Values of full-size logits that are computed at once: 256 MiB."""


@dataclass
class _Found:
    """Masks of one crop, still coarse."""

    logits: Tensor  # [K, h, w]
    ratings: Tensor  # [K]
    boxes: Tensor  # [K, 4]
    """x0, y0, x1, y1 in pixels of the crop."""

    def only(self, kept: Tensor) -> _Found:
        return _Found(self.logits[kept], self.ratings[kept], self.boxes[kept])


def automatic_masks(
    model: MaskModel,
    image: np.ndarray,  # [H, W, 3]
) -> np.ndarray:  # [M, H, W]
    """Returns masks of everything in a uint8 RGB image, bool [M, H, W], larger first; M may be 0."""
    config = model.config
    crops, layers = amg.generate_crop_boxes(image.shape[:2], config.crop_n_layers, _CROP_OVERLAP)
    grids = amg.build_all_layer_point_grids(config.points_per_side, config.crop_n_layers, 1)
    whole: list[np.ndarray] = []
    boxes, areas = [torch.zeros(0, 4)], [torch.zeros(0)]
    for crop, layer in zip(crops, layers, strict=True):
        x0, y0, x1, y1 = crop
        encoded = model.encode(image[y0:y1, x0:x1])
        found = _of_crop(model, encoded, grids[layer], crop, image.shape[:2])
        for masks in _enlarged(model, found.logits, encoded):
            placed = np.zeros((len(masks), *image.shape[:2]), bool)
            placed[:, y0:y1, x0:x1] = masks.cpu().numpy()
            whole.append(placed)
        boxes.append(amg.uncrop_boxes_xyxy(found.boxes, crop).float().cpu())
        areas.append(torch.full((len(found.boxes),), float((x1 - x0) * (y1 - y0))))
    result = np.concatenate([np.zeros((0, *image.shape[:2]), bool), *whole])
    if len(crops) > 1:  # masks of smaller crops are the finer ones
        all_boxes = torch.cat(boxes)
        kept = batched_nms(all_boxes, 1 / torch.cat(areas), torch.zeros(len(all_boxes)), iou_threshold=_CROP_NMS)
        result = result[kept.numpy()]
    order = np.argsort(-result.sum(axis=(1, 2)), kind="stable")
    return result[order]


def point_batches(model: MaskModel, grid: np.ndarray, encoded: Encoded) -> Iterator[np.ndarray]:  # [B, 2]
    """Returns the points of a grid, [P, 2] in parts of the image, as batches of (x, y) in its pixels."""
    points, batch = grid * np.array(encoded.size[::-1]), batch_size(model)
    for start in range(0, len(points), batch):
        yield points[start : start + batch]


def batch_size(model: MaskModel) -> int:
    """Returns how many prompts are decoded at once."""
    most = model.config.points_per_batch
    return min(most, _CPU_BATCH) if model.device.type == "cpu" else most


def masks_of_batch(
    model: MaskModel,
    encoded: Encoded,
    points: np.ndarray,  # [B, 2]
    crop: list[int],
    size: tuple[int, int],
) -> _Found:
    """Returns what is worth keeping of the masks at some points: rated well, stable, and not cut off by a crop."""
    config = model.config
    above = config.pred_iou_thresh if config.pred_iou_thresh > 0 else -math.inf
    logits, ratings = model.decode_points(encoded, points, above)
    stable, boxes = [torch.zeros(0, dtype=torch.bool, device=model.device)], [torch.zeros(0, 4, device=model.device)]
    for large in _large(model, logits, encoded):
        stable.append(amg.calculate_stability_score(large, 0.0, _STABILITY_OFFSET) >= config.stability_score_thresh)
        boxes.append(amg.batched_mask_to_box(large > 0).float())
    found = _Found(logits, ratings, torch.cat(boxes))
    kept = torch.cat(stable) if config.stability_score_thresh > 0 else torch.ones_like(torch.cat(stable))
    cut = amg.is_box_near_crop_edge(found.boxes, crop, [0, 0, size[1], size[0]])
    return found.only(kept & ~cut)


def _of_crop(model: MaskModel, encoded: Encoded, grid: np.ndarray, crop: list[int], size: tuple[int, int]) -> _Found:
    parts = [masks_of_batch(model, encoded, points, crop, size) for points in point_batches(model, grid, encoded)]
    found = _Found(
        torch.cat([part.logits for part in parts]),
        torch.cat([part.ratings for part in parts]),
        torch.cat([part.boxes for part in parts]),
    )
    categories = torch.zeros(len(found.boxes), device=found.boxes.device)
    return found.only(batched_nms(found.boxes, found.ratings, categories, iou_threshold=model.config.box_nms_thresh))


def _large(
    model: MaskModel,
    logits: Tensor,  # [K, h, w]
    encoded: Encoded,
) -> Iterator[Tensor]:  # [k, H, W]
    """Enlarges logits, a few at a time."""
    values = max(encoded.size[0] * encoded.size[1], model.input_side**2)
    step = max(1, _ENLARGED_VALUES // values)
    for start in range(0, len(logits), step):
        yield model.enlarge(logits[start : start + step], encoded)


def _enlarged(
    model: MaskModel,
    logits: Tensor,  # [K, h, w]
    encoded: Encoded,
) -> Iterator[Tensor]:  # [k, H, W]
    """Returns the masks of logits at full size, a few at a time."""
    yield from (large > 0 for large in _large(model, logits, encoded))
