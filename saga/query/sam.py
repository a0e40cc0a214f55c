"""SAM-based prompts (SAGA, section 3.4): queries from SAM's own features instead of the rendered ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import MaskModel
from saga.masks.rules import grid_coverage
from saga.query.config import QueryConfig
from saga.query.prompts import CheckedPrompt
from saga.query.queries import kmeans_centers, rendered_features, sample_pixels
from saga.query.thresholds import paper_sam_threshold
from saga.raster import BlendOperator
from saga.train import FeatureField
from saga.train.losses import mask_queries


def reference_mask(
    sam: MaskModel,
    image: np.ndarray,  # [H, W, 3] uint8
    prompt: CheckedPrompt,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns M_ref, SAM's mask bool [H, W] of a prompt, and SAM's features [256, 64, 64] of the image.

    A mask that is given stands for itself.
    """
    features = sam.features(image)
    if features is None:
        raise SagaError(
            f"{sam.model_type}: expected a model whose encoder gives features of 256 channels, as the field was "
            "trained with, found another; take mobile, vit_b, vit_l or vit_h."
        )
    if prompt.mask is not None:
        return prompt.mask, features
    points = np.concatenate([prompt.points, prompt.negative])
    labels = np.array([1] * len(prompt.points) + [0] * len(prompt.negative))
    box = None if prompt.box is None else np.asarray(prompt.box)
    if len(points) == 0:
        return sam.predict(image, box=box), features
    return sam.predict(image, points, labels, box), features


def queries(
    operator: BlendOperator,
    field: FeatureField,
    sam_features: np.ndarray,  # [256, 64, 64] float16
    mask: np.ndarray,  # [H, W] bool
    config: QueryConfig,
) -> Tensor:  # [Q, C]
    """Returns the mean of phi(F_SAM) under the mask, if that finds the mask again in rendered features, else k-means.

    It is accepted when |M_temp & M_ref| / |M_ref| >= config.accept_overlap, M_temp = sigmoid(Q . F_r) > 1/2.
    """
    assert field.phi is not None
    if not mask.any():
        raise SagaError(
            f"prompt: expected an object there in {operator.camera.name}, found none by SAM; click on the object."
        )
    device = field.stored.device
    with torch.no_grad():
        low = field.phi(torch.from_numpy(sam_features).to(device, torch.float32))  # [64 * 64, C]
    rendered = rendered_features(operator, field.stored, sample_pixels(mask, config.seed))
    coverage = grid_coverage(mask[None]).T.to(low)  # [64 * 64, 1]
    mean = mask_queries(low, coverage)
    if float((rendered @ mean[0] > 0).float().mean()) >= config.accept_overlap:
        return mean
    inside = low[(coverage[:, 0] >= coverage.max() / 2).nonzero()[:, 0]]
    return kmeans_centers(inside, config.clusters, config.seed)


def threshold(
    scores: Tensor,  # [N]
    config: QueryConfig,
) -> float:
    """Returns tau of SAM queries: mean plus one standard deviation, unless a number is asked for."""
    chosen = config.score_threshold
    return paper_sam_threshold(scores) if isinstance(chosen, str) else float(chosen)
