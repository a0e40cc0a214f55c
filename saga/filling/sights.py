"""What the views see around an object: of the scene as it is, and of the rest without the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from saga.masks.scene.grid import ViewGrid
from saga.raster import BlendOperator, DeviceScene
from saga.runtime.progress import tracked
from saga.scene import Camera
from saga.scene.camera import spread

_VIEWS = 24
"""The most views that are looked at, evenly spread over those that show the object."""
_LONG_SIDE = 320
"""The longer side of what is looked at in a view, at most, in pixels; larger windows are looked at smaller."""
_MARGIN = 1.0
"""Pixels around the object that are looked at, in sides of its box."""
_SAMPLE = 4000
"""Members that the box is found from."""
_STRAYS = 0.01
"""Share of them on each side that may lie outside of it."""
_FEWEST_PIXELS = 8
"""Side of the smallest box that is worth looking at."""
_OPAQUE = 0.5
"""Alpha from which a pixel shows a surface."""
_DEPTH_STEP = 2
"""Pixels between two samples of the depth."""


@dataclass(frozen=True, eq=False)
class Sight:
    """A window of one view around the object."""

    camera: Camera
    """A pinhole whose picture is the window."""
    color: np.ndarray  # [h, w, 3]
    """What the scene shows, float32, background black."""
    own: np.ndarray  # [h, w]
    """Share of the object in what is shown there, float32, 0 where nothing is."""
    depth: np.ndarray  # [h', w']
    """Camera z of the surface of the scene at every second pixel, float32, inf where there is none."""
    behind: np.ndarray  # [h', w']
    """The same of the rest without the object."""

    @cached_property
    def covered(self) -> np.ndarray:  # [h, w]
        """Where the object is most of what is shown, bool."""
        return np.asarray(self.own > 0.5)

    @cached_property
    def nearly_covered(self) -> np.ndarray:  # [h, w]
        """The same, and what has a trace of the object in it or beside it."""
        return np.asarray(ndimage.binary_dilation(self.own > 0.05, iterations=1))

    def grid(self) -> ViewGrid:
        """Returns what the window shows of the rest, as samples of a surface."""
        first = _DEPTH_STEP // 2
        own = self.own[first::_DEPTH_STEP, first::_DEPTH_STEP]
        color = np.clip(255 * self.color[first::_DEPTH_STEP, first::_DEPTH_STEP] + 0.5, 0, 255).astype(np.uint8)
        depth = np.where(np.isfinite(self.depth) & (own < 0.05), self.depth, 0)
        return ViewGrid(self.camera, _DEPTH_STEP, depth, color)


@dataclass(frozen=True, eq=False)
class Evidence:
    """How much of each Gaussian the views show, in pixels."""

    inside: Tensor  # [N]
    """Where the object is seen."""
    outside: Tensor  # [N]
    """Elsewhere."""


def look_around(
    placed: DeviceScene,
    member: Tensor,  # [N] bool
    progress: bool = True,
) -> tuple[list[Sight], Evidence]:
    """Looks at an object and its surroundings in up to 32 of the views that show it.

    Args:
        placed: the scene with its views.
        member: the object.
        progress: whether to show progress on standard error.
    """
    windows = [window for camera in placed.scene.cameras if (window := _window(placed, camera, member)) is not None]
    inside = torch.zeros(len(placed.geometry), device=placed.device)
    outside, sights = torch.zeros_like(inside), []
    for camera in tracked(spread(windows, _VIEWS), progress, "looking around the object", "views"):
        sight, rows, weights = _look(placed, camera, member)
        sights.append(sight)
        inside[rows] += weights[:, 0]
        outside[rows] += weights[:, 1]
    return sights, Evidence(inside, outside)


def _window(
    placed: DeviceScene,
    camera: Camera,
    member: Tensor,  # [N] bool
) -> Camera | None:
    """Returns a pinhole that shows the object and what is around it in a view, None where the view does not."""
    rows = member.nonzero()[:, 0]
    means = placed.geometry.means[rows[:: max(1, len(rows) // _SAMPLE)]].cpu().double().numpy()
    pixels, depths = camera.project(means)
    if np.mean(depths > 0) < 1 - _STRAYS:
        return None
    low, high = np.quantile(pixels[depths > 0], (_STRAYS, 1 - _STRAYS), axis=0)
    size = np.array([camera.width, camera.height])
    shown = np.minimum(high, size) - np.maximum(low, 0)
    if (shown < _FEWEST_PIXELS).any():
        return None
    margin = _MARGIN * (high - low).max()
    first = np.clip(np.floor(low - margin), 0, size).astype(int)
    end = np.clip(np.ceil(high + margin), 0, size).astype(int)
    width, height = (int(side) for side in end - first)
    cut = replace(camera, width=width, height=height, cx=camera.cx - first[0], cy=camera.cy - first[1])
    smaller = min(1.0, _LONG_SIDE / max(width, height))
    return replace(cut, image_path=None, lens=None).resized(
        max(1, round(smaller * width)), max(1, round(smaller * height))
    )


def _look(
    placed: DeviceScene,
    camera: Camera,
    member: Tensor,  # [N] bool
) -> tuple[Sight, Tensor, Tensor]:
    """Returns the sight of a window, the rows that reach it, int64 [n], and their weights [n, 2] inside and outside."""
    rows = placed.bounds.reaching(camera)
    geometry, own = placed.geometry.of_rows(rows), member[rows]
    operator = BlendOperator(geometry, camera)
    colors = torch.from_numpy(placed.scene.gaussians.colors(camera.position, rows.cpu().numpy())).to(placed.device)
    values = torch.cat([colors, own[:, None].float(), torch.ones_like(colors[:, :1])], dim=1)
    shown = operator.render(values)
    alpha = shown[..., 4]
    share = torch.where(alpha > 0.1, shown[..., 3] / alpha.clamp_min(0.1), 0)
    covered = share > 0.5
    weights = operator.lift(torch.stack([covered, ~covered], dim=-1).float())
    pixels = operator.pixels(_DEPTH_STEP)
    depth = operator.surface(pixels).depth
    hidden = covered[pixels[..., 1], pixels[..., 0]]
    behind = depth.clone()
    behind[hidden] = torch.inf
    if bool(hidden.any()) and not bool(own.all()):
        behind[hidden] = BlendOperator(geometry.of_rows(~own), camera).surface(pixels[hidden]).depth
    parts = (shown[..., :3], share, depth, behind)
    return Sight(camera, *(part.cpu().numpy() for part in parts)), rows, weights


def pixel_width(sights: Sequence[Sight]) -> float:
    """Returns what a pixel is wide at the surface that the views show, in world units; the median."""
    widths = [
        np.median(depth) / sight.camera.fx for sight in sights if (depth := sight.depth[np.isfinite(sight.depth)]).size
    ]
    return float(np.median(widths))


def at_pixels(
    image: np.ndarray,  # [h', w', ...]
    pixels: np.ndarray,  # [n, 2]
    step: int = 1,
) -> np.ndarray:  # [n, ...]
    """Returns what an image that has every `step`-th pixel from step // 2 on shows nearest to some places (x, y)."""
    index = np.floor((pixels - step // 2 + 0.5 * (step - 1)) / step).astype(int)
    columns, rows = np.clip(index[:, 0], 0, image.shape[1] - 1), np.clip(index[:, 1], 0, image.shape[0] - 1)
    found: np.ndarray = image[rows, columns]
    return found
