"""Sampled pixels with their rows of A and their masks, cached: training never renders an image.

Pixels are drawn balanced over masks (a mask first, then a pixel in it), so that small objects are seen
as often as large ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import MaskSource
from saga.masks.patterns import patterns
from saga.masks.rules import grid_coverage, trained_masks, with_rest
from saga.masks.source import WeightedMasks
from saga.raster import BlendOperator, Geometry, SparseRows
from saga.raster.window import Bounds, WindowOperator, view_operator
from saga.runtime.sets import rows_of
from saga.scene import Camera
from saga.train.config import TrainConfig
from saga.train.part import FEWEST_PIXELS, Part, nearby_order

_SHOWN = 0.5
"""Share of what a pixel shows that has to be of a region for the pixel to show the region."""


@dataclass(frozen=True)
class CachedView:
    """One view's sampled pixels. Pixels with the same set of masks share a pattern."""

    camera: Camera
    first: int
    """Index of the view's first row in the cache."""
    pattern: Tensor  # [P] int64
    """Each pixel's pattern."""
    members: Tensor  # [U, M] bool
    """Masks of each pattern."""
    coverage: Tensor | None  # [M, 64 * 64] uint8
    """How much of each cell of SAM's feature map a mask covers, 0 to 255; None without SAM features."""
    weights: Tensor | None = None  # [M] float32
    """How much each mask counts; None where all count alike."""
    sizes: Tensor | None = None  # [M] float32
    """Pixels of each mask in the view; None where nothing goes by them."""


@dataclass(frozen=True)
class PixelCache:
    """The cached views and the rows of A of all their pixels, over the Gaussians that any of these pixels shows."""

    views: list[CachedView]
    rows: SparseRows
    touched: Tensor  # [T] int64
    """The Gaussians that are the columns of `rows`: all that steps can change, often few of a large scene. Near ones
    follow each other."""


def build_cache(
    geometry: Geometry,
    part: Part,
    masks: MaskSource,
    config: TrainConfig,
    rng: np.random.Generator,
    tick: Callable[[], None] = lambda: None,
) -> PixelCache:
    """Samples pixels in every view and computes their rows; `tick` is called after each view.

    Views without masks or without visible Gaussians are left out. Of a region, pixels that show it by more than half
    are sampled: what hides it counts, and only its own Gaussians are columns.

    Raises:
        SagaError: no view has a mask on the scene.
    """
    per_view = int(np.clip(config.cached_pixels // len(part.cameras), FEWEST_PIXELS, config.pixels_per_view))
    views: list[CachedView] = []
    rows: list[SparseRows] = []
    first = 0
    look = _look_at(geometry, part)
    for camera in part.cameras:
        sampled = _sample_view(partial(look, camera), camera, masks, per_view, rng, first)
        tick()
        if sampled is not None:
            views.append(sampled[0])
            rows.append(sampled[1])
            first += len(sampled[1])
    if not views:
        where = "scene" if part.surroundings is None else "region"
        raise SagaError(
            f"no mask covers the {where} in any of {len(part.cameras)} views; check that masks and cameras belong "
            "together."
        )
    joined = SparseRows.concatenated(rows)
    rows.clear()  # they would be held twice
    touched = joined.touched()
    touched = touched[nearby_order(geometry.means[touched.to(geometry.device)]).to(touched.device)]
    placed = joined.over(touched).placed(geometry.device, config.gpu_cache_megabytes * 10**6)
    return PixelCache(views, placed, touched.to(geometry.device))


class _View(NamedTuple):
    """A view to sample from."""

    operator: BlendOperator
    own: Tensor | None = None  # [N] bool
    """The Gaussians that a run is about, where these are not all."""

    def pixels(self) -> np.ndarray | None:  # [H, W] bool
        """Pixels that show them by more than half; None for all."""
        if self.own is None:
            return None
        both = torch.stack([self.own.float(), torch.ones_like(self.own, dtype=torch.float32)], dim=1)
        inside, alpha = self.operator.render(both).unbind(-1)
        shown: np.ndarray = (inside > _SHOWN * alpha).cpu().numpy()
        return shown

    def rows(
        self,
        xy: Tensor,  # [P, 2] int64
    ) -> SparseRows:
        """Returns the rows of pixels, of the Gaussians that the run is about alone."""
        rows = self.operator.rows(xy)
        return rows if self.own is None else rows.masked(self.own)


def _look_at(geometry: Geometry, part: Part) -> Callable[[Camera], _View]:
    """Returns what gives the view of a camera; views of a region are of what can hide it."""
    if part.surroundings is None:
        bounds = Bounds(geometry)
        return lambda camera: _View(view_operator(geometry, camera, bounds))
    assert part.rows is not None
    surroundings = part.surroundings
    own = torch.zeros(len(geometry), dtype=torch.bool, device=geometry.device).index_fill_(0, part.rows, True)
    return lambda camera: _View(WindowOperator(geometry, camera, rows_of(surroundings.seen_by(camera))), own)


def _sample_view(
    look: Callable[[], _View],
    camera: Camera,
    source: MaskSource,
    count: int,
    rng: np.random.Generator,
    first: int,
) -> tuple[CachedView, SparseRows] | None:
    masks = source.masks(camera)  # [M, H, W]
    if not masks.any():
        return None
    view = look()
    operator, allowed = view.operator, view.pixels()
    if allowed is not None:
        masks = masks & allowed
        if not masks.any():
            return None
    kept = trained_masks(masks, operator, allowed)
    flat = with_rest(masks[kept], allowed)
    weights = _weights(source, camera, kept, len(flat))
    pixels = balanced_pixels(flat, count, rng, weights, allowed)
    xy = torch.from_numpy(np.stack([pixels % camera.width, pixels // camera.width], axis=1))
    rows = view.rows(xy)
    # A pixel that shows no Gaussian has no feature to train.
    shown = (rows.indptr[1:] > rows.indptr[:-1]).cpu()
    if not bool(shown.any()):
        return None
    hits = shown.nonzero()[:, 0]
    members, pattern = (torch.from_numpy(each) for each in patterns(flat[:, pixels[hits.numpy()]]))
    device = operator.geometry.device
    coverage = None
    if source.has_features(camera):
        coverage = grid_coverage(flat.reshape(-1, camera.height, camera.width)).to(device)
    placed = None if weights is None else torch.from_numpy(weights).to(device)
    sizes = torch.from_numpy(np.count_nonzero(flat, axis=1)).float().to(device)
    cached = CachedView(camera, first, pattern.to(device), members.to(device), coverage, placed, sizes)
    # Kept in host memory until all views are known: together they may not fit a GPU.
    return cached, rows.select(hits.to(device)).to("cpu")


def _weights(
    source: MaskSource,
    camera: Camera,
    kept: np.ndarray,  # [M] bool
    count: int,
) -> np.ndarray | None:  # [count]
    """Returns weights of the masks that training learns from; what no mask covers counts as the heaviest of them."""
    weights = source.weights(camera) if isinstance(source, WeightedMasks) else None
    if weights is None:
        return None
    chosen = weights[kept]
    padded: np.ndarray = np.pad(chosen, (0, count - len(chosen)), constant_values=chosen.max(initial=0))
    return padded


def balanced_pixels(
    masks: np.ndarray,  # [M, H * W]
    count: int,
    rng: np.random.Generator,
    weights: np.ndarray | None = None,  # [M]
    allowed: np.ndarray | None = None,  # [H, W] bool
) -> np.ndarray:  # [count]
    """`count` pixel indices, drawn from every non-empty mask in proportion to its weight, and from the pixels of none.

    Without weights all have equal shares; the pixels of no mask have the share of the heaviest. Where only
    some pixels are `allowed`, masks lie in these.
    """
    groups = [np.flatnonzero(mask) for mask in masks]
    weights = np.ones(len(masks)) if weights is None else weights
    rest = ~masks.any(axis=0)
    none = np.flatnonzero(rest if allowed is None else rest & allowed.reshape(-1))
    if len(none) > 0:
        groups.append(none)
        weights = np.append(weights, weights.max(initial=1.0))
    shares = np.ceil(count * weights / weights.sum()).astype(int)
    drawn = np.concatenate([rng.choice(group, share) for group, share in zip(groups, shares, strict=True)])
    rng.shuffle(drawn)
    return drawn[:count]
