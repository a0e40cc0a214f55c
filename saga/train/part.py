"""Which Gaussians of a scene training is about, and in which order it keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from saga.errors import SagaError
from saga.raster import DeviceScene, Geometry
from saga.raster.surroundings import Surroundings
from saga.raster.window import Bounds
from saga.runtime.sets import rows_of
from saga.scene import Camera, Scene
from saga.scene.box import Box
from saga.scene.camera import spread
from saga.train.config import TrainConfig

FEWEST_PIXELS = 1024
"""A view with fewer cached pixels than this is not worth its projection."""

_MOST = 0.8
"""Share of a scene that is as good as all of it."""
_BITS = 10
"""Of each coordinate, by which Gaussians are put in order: a thousandth of the extent."""
_EXTREME = 0.01
"""Share of a scene's Gaussians on either side that do not count for its extent."""
_SAMPLE = 100_000


def shown_rows(geometry: Geometry, cameras: Sequence[Camera]) -> Tensor | None:  # [n] int64
    """Returns the Gaussians that reach the picture of any view, hidden by others or not; None for (almost) all.

    What no picture shows has no masks to learn from: it takes no memory, and its features are 0.
    """
    bounds = Bounds(geometry)
    reached = torch.zeros(len(geometry), dtype=torch.bool, device=geometry.device)
    for camera in cameras:
        reached[bounds.reaching(camera)] = True
    rows = reached.nonzero()[:, 0]
    return None if len(rows) > _MOST * len(geometry) or len(rows) == 0 else rows


@dataclass(frozen=True, eq=False)
class Part:
    """What a run is about: Gaussians that get features, and the views that show them."""

    cameras: list[Camera]
    """Views to learn from."""
    rows: Tensor | None  # [n] int64
    """Gaussians that get features, ascending; None for all."""
    surroundings: Surroundings | None = None
    """Finds what can hide the Gaussians of a region in a view; None without a region."""

    def order(
        self,
        geometry: Geometry,
        first: Tensor,  # [T] int64
    ) -> Tensor:  # [S] int64
        """Returns all Gaussians that get features: some of them first, then the others, near ones near each other."""
        others = torch.zeros(len(geometry), dtype=torch.bool, device=geometry.device)
        others[slice(None) if self.rows is None else self.rows] = True
        others[first] = False
        rest = rows_of(others)
        return torch.cat([first, rest[nearby_order(geometry.means[rest])]])


def within(placed: DeviceScene, box: Box) -> Scene:
    """Returns a scene with those of its views alone whose pictures Gaussians of a box reach, hidden by others or not.

    Raises:
        SagaError: there is no Gaussian in the box, or no view that looks at it.
    """
    scene, own = placed.scene, placed.scene.gaussians
    inside = box.contains(own.means) & own.valid
    if not inside.any():
        means = own.means[own.valid]
        fills = ",".join(f"{value:.4g}" for value in (*means.min(0), *means.max(0)))
        raise SagaError(f"region {box}: expected Gaussians in it, found none; give one within {fills}.")
    bounds = Bounds(placed.geometry.of_rows(torch.from_numpy(inside).to(placed.device)))
    seeing = [camera for camera in scene.cameras if len(bounds.reaching(camera)) > 0]
    if not seeing:
        raise SagaError(
            f"region {box}: expected views that show it, found none of {len(scene.cameras)}; give one that was "
            "photographed."
        )
    return replace(scene, cameras=seeing)


def part_of(placed: DeviceScene, cameras: list[Camera], config: TrainConfig) -> Part:
    """Returns what a run is about: what its views show, of a region where one is asked for."""
    geometry, views, box = placed.geometry, training_views(cameras, config), config.box
    if box is None:
        return Part(views, shown_rows(geometry, views))
    inside = torch.from_numpy(box.contains(placed.scene.gaussians.means)).to(geometry.device) & placed.valid
    rows, shown = rows_of(inside), shown_rows(geometry.of_rows(inside), views)
    return Part(views, rows if shown is None else rows[shown], Surroundings(geometry, inside))


def training_views(cameras: list[Camera], config: TrainConfig) -> list[Camera]:
    """Returns the views that training learns from: all, or as many as the cached pixels serve, evenly spaced."""
    return spread(cameras, max(1, config.cached_pixels // FEWEST_PIXELS))


def nearby_order(
    means: Tensor,  # [n, 3]
) -> Tensor:  # [n] int64
    """Returns an order in which Gaussians that are near each other mostly follow each other (Morton, 1966).

    What goes from a Gaussian to its neighbors, or along a ray, then finds them in the processor's cache: a scene of
    millions has no order in its file.
    """
    if len(means) == 0:
        return torch.zeros(0, dtype=torch.int64, device=means.device)
    sample = means[:: max(1, len(means) // _SAMPLE)].double().sort(0).values
    low, high = (sample[min(int(share * len(sample)), len(sample) - 1)] for share in (_EXTREME, 1 - _EXTREME))
    cells = (1 << _BITS) / (high - low).amax().clamp(min=1e-30)
    code = torch.zeros(len(means), dtype=torch.int32, device=means.device)
    for axis in range(3):
        place = ((means[:, axis].double() - low[axis]) * cells).clamp(0, (1 << _BITS) - 1).int()
        for bit in range(_BITS):
            code |= (place >> bit & 1) << 3 * bit + axis
    return code.sort(stable=True).indices
