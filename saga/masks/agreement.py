"""Which masks to believe: masks of different views vouch for each other where they show the same surface.

Every mask is looked for in the views that see most of what its own view sees: their masks are drawn in its view through
the surface, and what counts is the IoU of the best of them. A mask that joins two things, or ends in the middle of one,
by chance in one view has no like in others; one that all views lack a like for has none to be compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from saga.masks.patterns import patterns
from saga.masks.scene.grid import ViewGrid, view_grid
from saga.masks.source import MaskSource
from saga.raster import BlendOperator, Geometry
from saga.runtime.progress import ticking
from saga.scene.camera import Camera

_SIDE = 240
"""Samples along the longer side of a view."""
_VIEWS = 8
"""Other views that are asked about a view's masks."""
_LEAST_OVERLAP = 0.1
"""Least share of what two views see that both see, for one to be asked about the other."""
_SEEN = 0.5
"""A view says something of a mask when it shows at least this share of it."""
_FEWEST = 2
"""Views that must say something of a mask before it is doubted."""
_JUMP = 0.03
"""Depths that differ by at most this share of themselves are of the same surface."""
_EVERY = 5
"""Of the samples along either side of a view, every how many-th tells how much two views overlap."""


@dataclass(frozen=True, eq=False)
class MaskedView:
    """The surface that one view shows, and its masks there."""

    grid: ViewGrid
    pattern: np.ndarray  # [h, w]
    """The set of masks of each sample, int32 [h, w]."""
    members: np.ndarray  # [U, M]
    """The masks of each set, 0 or 1, float32 [U, M]."""

    @staticmethod
    def of(
        geometry: Geometry,
        camera: Camera,
        masks: np.ndarray,  # [M, H, W]
    ) -> MaskedView:
        """Looks at a view, whose masks are bool [M, H, W]."""
        grid = view_grid(BlendOperator(geometry, camera), None, _SIDE)
        own = masks[:, grid.rows[:, None], grid.columns[None]]
        if len(own) == 0:
            return MaskedView(grid, np.zeros(own.shape[1:], np.int32), np.zeros((1, 0), np.float32))
        members, pattern = patterns(own.reshape(len(own), -1))
        return MaskedView(grid, pattern.astype(np.int32).reshape(own.shape[1:]), members.astype(np.float32))

    def points(self, every: int = 1) -> np.ndarray:  # [P, 3]
        """What the view sees, in world coordinates; made anew, as keeping it would take most of the memory."""
        seen = self.grid.seen[::every, ::every]
        points: np.ndarray = replace(self.grid).points[::every, ::every][seen]
        return points

    def samples_of(
        self,
        points: np.ndarray,  # [P, 3]
    ) -> np.ndarray:  # [P]
        """Index of the sample that shows each point of the world, int64; -1 where the view does not show it."""
        camera, (height, width) = self.grid.camera, self.grid.depth.shape
        x, y, z = (points @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]).T
        depth = np.where(z > 0, z, np.inf)
        column = np.floor((camera.fx * x / depth + camera.cx) / self.grid.step)
        row = np.floor((camera.fy * y / depth + camera.cy) / self.grid.step)
        inside = (z > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        index = np.where(inside, row * width + column, 0).astype(np.int64)
        shown = inside & (np.abs(self.grid.depth.ravel()[index] - z) <= _JUMP * z)
        return np.where(shown, index, -1)


def overlaps(views: Sequence[MaskedView]) -> np.ndarray:  # [V, V]
    """How much of what two views see both see: the geometric mean of the shares, 0 of a view with itself."""
    shares = np.zeros((len(views), len(views)))
    for index, view in enumerate(views):
        points = view.points(_EVERY)
        if len(points) > 0:
            shares[index] = [(other.samples_of(points) >= 0).mean() for other in views]
    np.fill_diagonal(shares, 0)
    return np.sqrt(shares * shares.T)


def likeness(view: MaskedView, other: MaskedView) -> tuple[np.ndarray, np.ndarray]:  # [M], [M]
    """Compares the masks of a view with those of another, on the surface that both show.

    Returns:
        The IoU of each mask with the most alike of the other view, and the share of it that the other view shows.
    """
    index = other.samples_of(view.points())
    own = view.pattern[view.grid.seen].astype(np.int64)
    both = index >= 0
    # Masks are counted by the sets that pixels lie in: there are far fewer of them than pixels.
    shape = len(view.members), len(other.members)
    pairs = own[both] * shape[1] + other.pattern.ravel()[index[both]]
    joint = np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)
    shared = view.members.T @ joint @ other.members
    mine, theirs = view.members.T @ joint.sum(1), joint.sum(0) @ other.members
    best = (shared / np.maximum(mine[:, None] + theirs - shared, 1)).max(1, initial=0)
    whole = view.members.T @ np.bincount(own, minlength=shape[0])
    return best, mine / np.maximum(whole, 1)


def agreement(
    ious: np.ndarray,  # [K, M]
    shown: np.ndarray,  # [K, M]
) -> np.ndarray:  # [M]
    """How far other views agree with each mask of a view: the mean IoU in the half of them that agree most.

    Of the other half nothing is asked: a model misses an object in some views. A mask of which fewer than two views
    show enough has 1.

    Args:
        ious: IoU with the most alike mask of each of K views.
        shown: share of the mask that each view shows.
    """
    enough = shown >= _SEEN
    ordered = -np.sort(-np.where(enough, ious, 0), axis=0)
    count = enough.sum(0)
    half = np.arange(len(ious))[:, None] < (count + 1) // 2
    means = (ordered * half).sum(0) / np.maximum(half.sum(0), 1)
    agreed: np.ndarray = np.where(count >= _FEWEST, means, 1.0)
    return agreed


def agreements(
    geometry: Geometry, cameras: Sequence[Camera], source: MaskSource, progress: bool = True
) -> dict[str, np.ndarray]:  # each [M]
    """Tells how far other views agree with every mask, from 0 to 1, by the views' names.

    Memory is that of a depth and a set of masks for each sample, 8 bytes for each of about 40,000 samples a view.

    Args:
        geometry: the Gaussians.
        cameras: the views.
        source: their masks.
        progress: whether to show a bar on standard error with the time left.

    Raises:
        SagaError: masks cannot be read.
    """
    views = []
    with ticking(progress, "agreement of masks", 2 * len(cameras), "views", transient=True) as tick:
        for camera in cameras:
            views.append(MaskedView.of(geometry, camera, source.masks(camera)))
            tick()
        near = overlaps(views)
        found = {}
        for index, view in enumerate(views):
            asked = [other for other in np.argsort(-near[index])[:_VIEWS] if near[index, other] >= _LEAST_OVERLAP]
            each = np.array([likeness(view, views[other]) for other in asked])
            each = each.reshape(len(asked), 2, view.members.shape[1])
            found[view.grid.camera.name] = agreement(each[:, 0], each[:, 1])
            tick()
    return found
