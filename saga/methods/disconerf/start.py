"""Features before the first step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saga.masks.patterns import patterns
from saga.methods.disconerf.config import DiscoNerfConfig
from saga.methods.disconerf.sampling import MaskedPixels, Supervision
from saga.raster import SparseRows
from saga.train.sampler import CachedView
from saga.train.spectral import spectral_start

_NOISE = 1e-3
"""Small, so that the first masks decide about a Gaussian and not its random start."""


def start_features(
    supervision: Supervision, average: SparseRows | None, config: DiscoNerfConfig, random: torch.Generator
) -> Tensor:  # [N, C]
    """Returns small random features, and beside them, if `config.start` is "spectral", the scene's separable groups.

    The decoder starts at random either way. So slots start as random mixtures of groups (or of nothing): those
    that happen to be more of one object than the others are matched with its masks.
    """
    rows = supervision.rows
    noise = torch.randn(rows.columns, config.dimensions, generator=random).to(rows.weights.device) * _NOISE
    if config.start == "random":
        return noise
    views = [_as_patterns(view) for view in supervision.views]
    groups = spectral_start(views, rows, config.dimensions, random)
    return noise + (groups if average is None else average.render(groups))


def _as_patterns(view: MaskedPixels) -> CachedView:
    members, pattern = (torch.from_numpy(each) for each in patterns(np.ascontiguousarray(view.members.cpu().numpy().T)))
    device = view.members.device
    return CachedView(view.camera, view.first, pattern.to(device), members.to(device), None)
