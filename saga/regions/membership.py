"""Which cells pixels show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from saga.raster import BlendOperator, DeviceScene

_LOOKED_AT = 8
"""The most views in which it is looked at how much of a picture cells fill."""
_SAMPLES = 160
"""Samples along the longer side of such a view, about."""


def pixel_cells(
    operator: BlendOperator,
    cells: Tensor,  # [N] int64
    count: int,
    pixels: Tensor,  # [P, 2]
) -> Tensor:  # [P, count]
    """How much each pixel (x, y) shows of each of `count` cells, float32 [P, count] in [0, 1]: blended weights.

    What belongs to no cell counts for none.
    """
    rows = operator.rows(pixels)
    owner = cells[rows.indices.long()]
    row = torch.repeat_interleave(torch.arange(len(rows), device=owner.device), rows.indptr[1:] - rows.indptr[:-1])
    known = owner >= 0
    shown = torch.zeros(len(rows) * count, device=owner.device)
    shown.index_add_(0, row[known] * count + owner[known], rows.weights[known])
    return shown.reshape(len(rows), count)


def cell_picture(
    operator: BlendOperator,
    cells: Tensor,  # [N] int64
    step: int,
) -> np.ndarray:  # [h, w]
    """The cell that every `step`-th pixel of a view shows most, int64 [h, w]; -1 where it is none."""
    pixels = operator.pixels(step)
    rows = operator.rows(pixels.reshape(-1, 2))
    owner = cells[rows.indices.long()].cpu().numpy() + 1
    pixel, count = np.repeat(np.arange(len(rows)), rows.indptr.diff().cpu().numpy()), int(owner.max(initial=0)) + 1
    most = np.zeros(len(rows), np.int64)
    if len(owner) == 0:
        return most.reshape(pixels.shape[:2]) - 1
    # Sorting one integer for each pair of a pixel and a cell: SciPy has this, but takes longer to load than to do it.
    keys = pixel * count + owner
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    weights = np.add.reduceat(rows.weights.cpu().numpy().astype(np.float64)[order], first)
    pixel, owner = np.divmod(keys[order][first], count)
    starts = np.flatnonzero(np.diff(pixel, prepend=-1))
    heaviest = np.repeat(np.maximum.reduceat(weights, starts), np.diff(starts, append=len(pixel)))
    chosen = weights == heaviest
    most[pixel[chosen]] = owner[chosen]
    return most.reshape(pixels.shape[:2]) - 1


def pictured_shares(
    scene: DeviceScene,
    names: Sequence[str],
    cells: np.ndarray,  # [N]
    count: int,
) -> np.ndarray:  # [L]
    """Share of a picture that the Gaussians of each of `count` cells show, the mean over some views, float32 [L].

    It is another than what the cell's patch of the surface shows where a Gaussian reaches far beyond it.

    Args:
        scene: the scene on a device.
        names: its views, of which some are looked at, evenly spread.
        cells: cell of each Gaussian, int [N], -1 for none.
        count: number of cells L.
    """
    chosen = np.unique(np.linspace(0, len(names) - 1, min(_LOOKED_AT, len(names))).round().astype(int))
    owners, shares = torch.from_numpy(cells.astype(np.int64)).to(scene.device), np.zeros(count)
    for index in chosen:
        operator = scene.operator(names[index])
        step = max(1, max(operator.camera.width, operator.camera.height) // _SAMPLES)
        picture = cell_picture(operator, owners, step)
        shares += np.bincount(picture.ravel() + 1, minlength=count + 1)[1:] / picture.size
    pictured: np.ndarray = (shares / len(chosen)).astype(np.float32)
    return pictured
