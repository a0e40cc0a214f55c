"""Cross-view self-prompting: points from a rendered confidence map (SA3D, section 3.4 and appendix F)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from saga.methods.points import unproject
from saga.scene import Camera


def self_prompt(
    confidence: Tensor,  # [H, W]
    depth: Tensor,  # [H, W]
    camera: Camera,
    count: int,
    decay: bool = True,
) -> np.ndarray:  # [K, 2]
    """Returns at most `count` pixels (x, y) of the object that a confidence map shows, int64 [K, 2]; none without one.

    The first has the highest confidence. Each further one has the highest confidence left outside squares around
    the points so far, less a decay that grows with the distance in space to them (eq. 6 to 8), and is the last when
    that is below 0. Among equals the first in reading order is taken.

    Args:
        confidence: eq. 3; the mask is where it is above 0.
        depth: camera z of what the view shows, world units; where it is infinite, a pixel counts as farthest away.
        camera: the view.
        count: n_p.
        decay: whether to subtract the decay term.
    """
    ys, xs = torch.nonzero(confidence > 0, as_tuple=True)
    if len(xs) == 0:
        return np.zeros((0, 2), np.int64)
    scores, pixels = confidence[ys, xs], torch.stack([xs, ys], dim=1)
    points = unproject(camera, pixels, depth[ys, xs]).float() if decay else None
    half = math.sqrt(len(xs) / math.pi) / 2
    free = torch.ones_like(scores, dtype=torch.bool)
    least = torch.full_like(scores, torch.inf if decay else 0.0)  # the decay term of every pixel
    chosen: list[Tensor] = []
    best = scores.argmax()
    while True:
        chosen.append(pixels[best])
        free &= ((pixels - pixels[best]).abs() > half).any(1)
        if len(chosen) == count or not bool(free.any()):
            break
        if points is not None:
            least = torch.minimum(least, scores[best] * _normalised_distance(points, points[best]))
        decayed = torch.where(free, scores - least, -torch.inf)
        best = decayed.argmax()
        if float(decayed[best]) < 0:
            break
    return torch.stack(chosen).cpu().numpy()


def _normalised_distance(
    points: Tensor,  # [P, 3]
    to: Tensor,  # [3]
) -> Tensor:  # [P]
    """Returns Euclidean distances, min-max normalized to [0, 1]; 1 without a depth."""
    distances = (points - to).norm(dim=1)
    known = distances.isfinite()
    largest = distances[known].max() if bool(known.any()) else distances.new_zeros(())
    return torch.where(known, distances / largest.clamp(min=torch.finfo(distances.dtype).tiny), 1.0)
