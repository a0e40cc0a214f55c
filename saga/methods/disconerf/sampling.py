"""Which masks train the slots, and the sampled pixels through which they do.

Half of a view's pixels are drawn uniformly and half with equal shares from every mask, so that small masks have
pixels at all; weights (the inverse of the density drawn with) make sums over the sample estimates of sums over the
image, which eq. 4 to 6 ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import MaskSource
from saga.masks.rules import without_everything
from saga.methods.disconerf.config import DiscoNerfConfig
from saga.raster import BlendOperator, Geometry, SparseRows
from saga.scene import Camera
from saga.scene.camera import spread

_LEAST_ALPHA = 0.5
"""Pixels that show less of the scene say nothing about its objects."""
_LEAST_SHARE = 0.02
"""Gaussians that make up less of what a pixel shows are left out of its row. Their gradients say little, and Adam would
scale them up, while the rows would take most of the time of a step."""
_FEWEST_PIXELS = 1024
"""A view with fewer cached pixels than this is not worth its projection."""
_UNIFORM = 0.5
"""Share of the pixels drawn uniformly; bounds the weights."""


@dataclass(frozen=True)
class MaskedPixels:
    """The sampled pixels of one view."""

    camera: Camera
    first: int
    """Index of the first one's row in the cache."""
    members: Tensor  # [P, M] bool
    """Which masks each pixel lies in."""
    weights: Tensor  # [P] float32
    """Share of the image that each pixel stands for."""


@dataclass(frozen=True)
class Supervision:
    """Samples pixels of all views and returns them with their rows of A, each divided by its sum.

    A row times per-Gaussian probabilities is then the probability of what the pixel shows, however transparent it is.
    Entries that hardly count are left out.
    """

    views: list[MaskedPixels]
    rows: SparseRows

    @property
    def most_masks(self) -> int:
        """K_max: the masks of the view with the most."""
        return max(view.members.shape[1] for view in self.views)


def sample_supervision(
    geometry: Geometry,
    cameras: list[Camera],
    masks: MaskSource,
    config: DiscoNerfConfig,
    tick: Callable[[], None] = lambda: None,
) -> Supervision:
    """Samples pixels in every view and computes their rows; `tick` is called after each view.

    Views without masks or without visible Gaussians are left out; of more views than `config.cached_pixels` can
    serve, evenly spaced ones are used.

    Raises:
        SagaError: no view has a mask on the scene.
    """
    rng = np.random.default_rng(config.seed)
    cameras = spread(cameras, max(1, config.cached_pixels // _FEWEST_PIXELS))
    count = int(np.clip(config.cached_pixels // max(1, len(cameras)), _FEWEST_PIXELS, config.pixels_per_view))
    views: list[MaskedPixels] = []
    rows: list[SparseRows] = []
    first = 0
    for camera in cameras:
        sampled = _sample_view(geometry, camera, masks.masks(camera), config, count, first, rng)
        tick()
        if sampled is not None:
            views.append(sampled[0])
            rows.append(sampled[1])
            first += len(sampled[1])
    if not views:
        raise SagaError(
            f"no mask covers the scene in any of {len(cameras)} views; check that masks and cameras belong together."
        )
    return Supervision(views, SparseRows.concatenated(rows).to(geometry.device))


def choose_masks(
    flat: np.ndarray,  # [M, H * W] bool
    config: DiscoNerfConfig,
) -> np.ndarray:  # [K, H * W] bool
    """Returns the masks of a view that slots are matched with; K may be 0.

    `config.nested`, `config.smallest_mask` and `config.uncovered` say which.
    """
    areas = np.count_nonzero(flat, axis=1)
    least = max(1, config.smallest_mask * flat.shape[1])
    flat = flat[areas >= least]
    if config.nested == "wholes" and len(flat) > 1:
        flat = flat[_not_included(flat, config.included)]
    if config.uncovered and len(flat) > 0:
        rest = np.logical_not(flat.any(axis=0))
        if np.count_nonzero(rest) >= least:
            flat = np.concatenate([flat, rest[None]])
    return flat


def _not_included(flat: np.ndarray, share: float) -> np.ndarray:  # [M] bool
    """Returns the masks that are not part of a larger one (of equal ones the first is larger)."""
    dense = flat.astype(np.float32)
    areas = dense.sum(1)
    inside = dense @ dense.T >= share * areas[:, None]
    places = np.arange(len(areas))
    larger = (areas[None] > areas[:, None]) | ((areas[None] == areas[:, None]) & (places[None] < places[:, None]))
    return np.asarray(~(inside & larger).any(1))


def _sample_view(
    geometry: Geometry,
    camera: Camera,
    masks: np.ndarray,  # [M, H, W]
    config: DiscoNerfConfig,
    count: int,
    first: int,
    rng: np.random.Generator,
) -> tuple[MaskedPixels, SparseRows] | None:
    if len(masks) == 0:
        return None
    operator, device = BlendOperator(geometry, camera), geometry.device
    flat = masks.reshape(len(masks), camera.width * camera.height)
    flat = choose_masks(without_everything(flat, operator), config)
    if len(flat) == 0:
        return None
    pixels, weights = weighted_pixels(flat, count, rng)
    xy = torch.from_numpy(np.stack([pixels % camera.width, pixels // camera.width], axis=1))
    rows = operator.rows(xy)
    alpha = rows.render(torch.ones(rows.columns, 1, device=device))[:, 0]
    kept = (alpha > _LEAST_ALPHA).nonzero()[:, 0]
    if len(kept) == 0:
        return None
    # Kept in host memory until all views are known: together they may not fit a GPU.
    rows = _shares(rows.select(kept), alpha[kept]).to("cpu")
    shown = kept.cpu().numpy()
    members = torch.from_numpy(np.ascontiguousarray(flat[:, pixels[shown]].T))
    weight = torch.from_numpy(weights[shown].astype(np.float32))
    return MaskedPixels(camera, first, members.to(device), weight.to(device)), rows


def _shares(
    rows: SparseRows,
    alpha: Tensor,  # [P]
) -> SparseRows:
    """Returns rows whose entries are the shares of what each pixel shows, without the smallest; each sums to 1."""
    owners = torch.repeat_interleave(rows.indptr[1:] - rows.indptr[:-1])  # [nnz]
    shares = rows.weights / alpha[owners]
    largest = torch.zeros_like(alpha).scatter_reduce(0, owners, shares, "amax")
    # Where many faint Gaussians make a pixel, none would be left: the strongest stay.
    kept = shares >= torch.minimum(largest, torch.full_like(largest, _LEAST_SHARE))[owners]
    owners, shares = owners[kept], shares[kept]
    totals = torch.zeros_like(alpha).index_add(0, owners, shares)
    counts = torch.bincount(owners, minlength=len(alpha))
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return SparseRows(indptr, rows.indices[kept], shares / totals[owners], rows.columns)


def weighted_pixels(
    flat: np.ndarray,  # [M, H * W] bool
    count: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # [P], [P]
    """Draws about `count` pixels, with weights by which sums over them estimate means over the image."""
    groups = [np.flatnonzero(mask) for mask in flat]
    groups.append(np.flatnonzero(~flat.any(axis=0)))
    groups = [group for group in groups if len(group) > 0]
    uniform = round(_UNIFORM * count)
    share = -(-(count - uniform) // len(groups))
    drawn = np.concatenate(
        [rng.integers(0, flat.shape[1], uniform)] + [group[rng.integers(0, len(group), share)] for group in groups]
    )
    density = np.full(flat.shape[1], uniform / flat.shape[1])
    for group in groups:
        density[group] += share / len(group)
    return drawn, 1 / (density[drawn] * flat.shape[1])
