"""What some views see of an object's Gaussians, alone and within its scene: the evidence that they are fit to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from saga.raster import BlendOperator, Geometry
from saga.raster.majority import MIN_ALPHA
from saga.raster.surroundings import Surroundings
from saga.scene import Camera, Gaussians
from saga.scene.images import load_pinhole_image
from saga.scene.lens import image_to_pinhole

_PIXELS = 6000
"""Of each view at most, evenly taken."""
_MARGIN = 4
"""Pixels around what the object shows."""
_SHOWN = 1 / 255
_TOUCHED = 0.02
"""Weight of the Gaussians asked for from which on a pixel says something of them."""
_VISIBLE = 0.3
"""Share of the object's coverage that others leave visible, below which a pixel says nothing of it."""
_SOLID, _DEEP, _FEWEST = 0.95, 3.0, 30
"""Coverage, distance to the border and number of the pixels that tell how bright a photograph is."""
_BRIGHTNESS = (0.7, 1.4)


@dataclass(frozen=True, eq=False)
class Look:
    """An object in one view of its scene, within the window that it shows in."""

    camera: Camera
    """The view's camera, cut down to the window."""
    weight: np.ndarray  # [h, w]
    """What the object's Gaussians weigh in the picture of the whole scene, float32."""
    depth: np.ndarray  # [h, w]
    """Distance to the border of the object's mask in pixels, negative outside; its middle lies between pixels."""
    color: np.ndarray  # [h, w, 3]
    """The photograph, float32, 0 to 1; NaN where its lens saw nothing."""


def looks(
    gaussians: Gaussians,
    geometry: Geometry,
    member: Tensor,  # [N] bool
    cameras: Sequence[Camera],
) -> tuple[list[Look], Tensor]:  # [N, 2]
    """Looks at the members in some views.

    Returns:
        What the views show, without those that show nothing, and the visible weight of each member summed over them:
        inside the object's mask, and anywhere that is opaque, both in pixels.

    Raises:
        SagaError: a photograph cannot be read.
    """
    found, sums = [], torch.zeros(len(geometry), 2, device=geometry.device)
    surroundings = Surroundings(geometry, member)
    for camera in cameras:
        around = surroundings.seen_by(camera)
        if not bool(around.any()):
            continue
        operator, own = BlendOperator(geometry.of_rows(around), camera), member[around].to(torch.float32)
        weight, alpha = operator.render(torch.stack([own, torch.ones_like(own)], dim=1)).unbind(-1)
        inside, shown = (weight > 0.5 * alpha) & (alpha > MIN_ALPHA), weight > _SHOWN
        if not bool(inside.any()):
            continue
        sums[around] += operator.lift(torch.stack([inside, alpha > MIN_ALPHA], dim=-1).to(torch.float32))
        window = _window(shown.cpu().numpy())
        if camera.image_path is not None:
            color = load_pinhole_image(camera)[window].astype(np.float32) / 255
        else:
            colors = gaussians.colors(camera.position, around.nonzero()[:, 0].cpu().numpy())
            color = operator.render(torch.from_numpy(colors).to(geometry.device)).cpu().numpy()[window]
        if camera.lens is not None:
            seen = image_to_pinhole(camera, np.ones((camera.lens.height, camera.lens.width), bool), order=0)
            color = np.where(seen[window][..., None], color, np.nan)
        cut = _cut(camera, window)
        found.append(Look(cut, weight.cpu().numpy()[window], _depth(inside.cpu().numpy()[window]), color))
    return found, sums * member[:, None]


@dataclass(frozen=True, eq=False)
class Sights:
    """P pixels of some views and the n Gaussians of an object that they see, rendered alone: E entries of A."""

    pixel: np.ndarray  # [E]
    """The pixel of each entry, ascending, and front to back within each."""
    gaussian: np.ndarray  # [E]
    """Its Gaussian."""
    reach: np.ndarray  # [E]
    """Its alpha for a Gaussian of opacity 1, float64."""
    depth: np.ndarray  # [P]
    """Distance inside the object's mask in pixels, negative outside."""
    trust: np.ndarray  # [P]
    """How much of what the object covers is visible in the whole scene, 0 to 1."""
    shown: np.ndarray  # [P, 3]
    """What the object shows there with its colors as they are, its coverage not divided out."""
    color: np.ndarray  # [P, 3]
    """What the photographs show there, as bright as the object is on the whole; NaN where nothing is known."""

    def __len__(self) -> int:
        """Returns the number of pixels."""
        return len(self.depth)

    def weights(
        self,
        opacities: np.ndarray,  # [n]
    ) -> np.ndarray:  # [E]
        """Returns the entries of A with some opacities: alpha times what those in front let through, float64."""
        passed = np.log1p(-self.alphas(opacities))
        before = np.cumsum(passed) - passed
        first = np.searchsorted(self.pixel, self.pixel)
        return np.asarray(-np.expm1(passed) * np.exp(before - before[first]))

    def alphas(
        self,
        opacities: np.ndarray,  # [n]
    ) -> np.ndarray:  # [E]
        """Returns the alpha of each entry, as the rasterizer has it: at most 0.999."""
        return np.asarray(np.minimum(opacities[self.gaussian] * self.reach, 0.999))


def sights(
    gaussians: Gaussians,
    geometry: Geometry,
    own: Tensor,  # [n] int64
    asked: Tensor,  # [n] bool
    views: Sequence[Look],
) -> Sights | None:
    """Returns the pixels that show some of an object's Gaussians; None when there are none.

    Args:
        gaussians: the scene.
        geometry: its geometry.
        own: rows of the object.
        asked: which of these the pixels have to show.
        views: the object in some views.
    """
    alone, rows = geometry.of_rows(own), own.cpu().numpy()
    parts = [part for part in (_seen(gaussians, alone, rows, asked, look) for look in views) if part is not None]
    if not parts:
        return None
    starts = np.cumsum([0, *(len(part) for part in parts)])
    moved = [replace(part, pixel=part.pixel + start) for part, start in zip(parts, starts[:-1], strict=True)]
    columns = ("pixel", "gaussian", "reach", "depth", "trust", "shown", "color")
    return Sights(**{name: np.concatenate([getattr(part, name) for part in moved]) for name in columns})


def _seen(
    gaussians: Gaussians,
    alone: Geometry,
    rows: np.ndarray,  # [n]
    asked: Tensor,  # [n] bool
    look: Look,
) -> Sights | None:
    """Returns the pixels of one view."""
    operator, opacities = BlendOperator(alone, look.camera), alone.opacities.cpu().numpy().astype(np.float64)
    colors = torch.from_numpy(gaussians.colors(look.camera.position, rows)).to(alone.device)
    own = asked[:, None].to(torch.float32)
    image = operator.render(torch.cat([colors, own, torch.ones_like(own)], dim=1)).cpu().numpy()
    coverage = image[..., 4]
    trust = np.clip(look.weight / np.maximum(coverage, 1e-6), 0, 1)
    y, x = np.nonzero((image[..., 3] > _TOUCHED) & (trust > _VISIBLE))
    step = max(1, -(-len(x) // _PIXELS))
    y, x = y[::step], x[::step]
    if len(x) == 0:
        return None
    found = operator.rows(torch.from_numpy(np.stack([x, y], axis=1)).to(alone.device)).to("cpu")
    weights, pixel = found.weights.numpy().astype(np.float64), np.repeat(np.arange(len(x)), np.diff(found.indptr))
    before = np.cumsum(weights) - weights
    before -= before[np.searchsorted(pixel, pixel)]
    gaussian = found.indices.numpy().astype(np.int64)
    reach = weights / np.maximum(1 - before, 1e-6) / np.maximum(opacities[gaussian], 1e-6)
    solid = (coverage > _SOLID) & (look.depth > _DEEP) & np.isfinite(look.color).all(-1)
    bright = _brightness(image[..., :3][solid], look.color[solid])
    return Sights(
        pixel, gaussian, np.clip(reach, 0, 1), look.depth[y, x], trust[y, x], image[y, x, :3],
        bright * look.color[y, x],
    )  # fmt: skip


def _brightness(
    shown: np.ndarray,  # [m, 3]
    photograph: np.ndarray,  # [m, 3]
) -> np.ndarray:  # [3]
    """Returns the factor of each channel that makes a photograph as bright as what is shown; 1 where little tells."""
    if len(shown) < _FEWEST:
        return np.ones(3)
    return np.asarray(np.clip(np.median(shown / np.maximum(photograph, 0.02), axis=0), *_BRIGHTNESS))


def _window(
    shown: np.ndarray,  # [H, W] bool
) -> tuple[slice, slice]:
    """Returns the rows and columns of a picture around what is shown."""
    sides = [np.flatnonzero(shown.any(axis)) for axis in (1, 0)]
    first, last = ([side[end] for side in sides] for end in (0, -1))
    down, across = (slice(max(int(a) - _MARGIN, 0), int(b) + 1 + _MARGIN) for a, b in zip(first, last, strict=True))
    return down, across


def _cut(camera: Camera, window: tuple[slice, slice]) -> Camera:
    """Returns the pinhole that sees a window of a camera's picture."""
    down, across = window
    height, width = min(down.stop, camera.height) - down.start, min(across.stop, camera.width) - across.start
    return replace(
        camera, width=width, height=height, cx=camera.cx - across.start, cy=camera.cy - down.start, lens=None
    )


def _depth(
    inside: np.ndarray,  # [h, w] bool
) -> np.ndarray:  # [h, w]
    """Returns how far inside a mask each pixel is, negative outside; what lies beyond the window is no border."""
    within = ndimage.distance_transform_edt(inside) if not inside.all() else np.full(inside.shape, np.inf)
    without = ndimage.distance_transform_edt(~inside)
    return np.asarray(np.where(inside, within - 0.5, 0.5 - without))
