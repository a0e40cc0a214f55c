"""Which Gaussians matter for the mask of a few of them."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from saga.raster.geometry import Geometry
from saga.raster.window import Bounds
from saga.scene import Camera

_CELL = 16
"""Side of the cells that reach is counted in, in pixels."""
_NEAR = 0.01
"""Near plane, in units of the rasterizer."""
_DILATION = 0.3
"""Variance in square pixels that rasterization adds to every Gaussian."""
_MIN_ALPHA = 1 / 255
_BLOCK = 65536
"""Gaussians at a time: their intermediate values stay in the processor's cache."""


class Surroundings:
    """Finds, view by view, the Gaussians that can touch a pixel which a member touches, members included.

    Rendering these instead of the whole scene changes no pixel that shows a member. They are never too
    few: each Gaussian is taken for a circle around its projection that holds all of it that is visible.
    """

    def __init__(
        self,
        geometry: Geometry,
        member: Tensor,  # [N] bool
        bounds: Bounds | None = None,
    ) -> None:
        """Takes the members, and bounds of the geometry where they are known."""
        self._geometry, self._near = geometry, _NEAR / geometry.unit
        self._own = geometry.of_rows(member.nonzero()[:, 0])
        self._known = bounds

    @cached_property
    def _bounds(self) -> Bounds:
        return Bounds(self._geometry) if self._known is None else self._known

    def window(self, camera: Camera) -> tuple[int, int, int, int] | None:
        """Returns the pixels x0, y0, x1, y1, the last excluded, around all that members can touch; None for nothing."""
        touched = _touched_cells(camera, *self._circles(camera, self._own))
        return _window(camera, touched) if bool(touched.any()) else None

    def seen_by(self, camera: Camera) -> Tensor:  # [N]
        """Returns the members and their surroundings in one view, bool [N]; all False when it shows no member."""
        touched = _touched_cells(camera, *self._circles(camera, self._own))
        found = torch.zeros(len(self._geometry), dtype=torch.bool, device=touched.device)
        if bool(touched.any()):
            table = torch.zeros(touched.shape[0] + 1, touched.shape[1] + 1, dtype=torch.int32, device=found.device)
            table[1:, 1:] = touched.cumsum(0).cumsum(1)
            for rows in self._bounds.reaching(camera.cropped(*_window(camera, touched))).split(_BLOCK):
                found[rows] = _share_cells(table, *self._circles(camera, self._geometry.of_rows(rows)))
        return found

    def _circles(
        self,
        camera: Camera,
        geometry: Geometry,
    ) -> tuple[Tensor, Tensor, Tensor]:  # each [n]
        """Centers x, y and radii in cells, which bound what is visible; the radius is -inf where nothing is."""
        means, opacities = geometry.means, geometry.opacities
        # A Gaussian fades below the least visible alpha at sqrt(2 ln(255 opacity)) standard deviations.
        deviations = (2 * (opacities / _MIN_ALPHA).clamp_min(1).log()).sqrt()
        extent = geometry.scales.amax(1) * deviations  # in world units
        margin = deviations * _DILATION**0.5 + 1  # in pixels
        margin[opacities < _MIN_ALPHA] = -torch.inf
        pose = torch.from_numpy(camera.world_to_camera).to(means)
        local = means @ pose[:3, :3].T + pose[:3, 3]
        inverse = 1 / local[:, 2].clamp_min(self._near)
        x, y = local[:, 0] * inverse, local[:, 1] * inverse
        # The Jacobian of the projection stretches by at most f / z * sqrt(1 + (x / z)^2 + (y / z)^2).
        stretch = max(camera.fx, camera.fy) * inverse * (1 + x * x + y * y).sqrt()
        radius = torch.where(local[:, 2] > self._near, stretch * extent + margin, -torch.inf)
        return (x * camera.fx + camera.cx) / _CELL, (y * camera.fy + camera.cy) / _CELL, radius / _CELL


def _window(
    camera: Camera,
    touched: Tensor,  # [rows, columns] bool
) -> tuple[int, int, int, int]:
    """Returns the pixels x0, y0, x1, y1, the last excluded, around all cells that are touched."""
    first = touched.nonzero().amin(0) * _CELL
    end = (touched.nonzero().amax(0) + 1) * _CELL
    return int(first[1]), int(first[0]), min(int(end[1]), camera.width), min(int(end[0]), camera.height)


def _touched_cells(camera: Camera, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:  # [rows, columns]
    """Tells which cells of the image the squares around some circles touch."""
    columns, rows = -(-camera.width // _CELL), -(-camera.height // _CELL)
    left, right, top, bottom = _bounds(x, y, radius, columns, rows)
    # +1 and -1 at the corners of each square: summed twice, how many squares reach a cell.
    edges = torch.zeros(rows + 1, columns + 1, dtype=torch.int32, device=x.device)
    for row, column, sign in ((top, left, 1), (bottom, right, 1), (top, right, -1), (bottom, left, -1)):
        edges.index_put_((row, column), torch.full_like(row, sign, dtype=torch.int32), accumulate=True)
    return edges.cumsum(0).cumsum(1)[:rows, :columns] > 0


def _share_cells(table: Tensor, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:  # [n]
    """Whether the square around a circle holds a cell that counts in a summed-area table."""
    left, right, top, bottom = _bounds(x, y, radius, table.shape[1] - 1, table.shape[0] - 1)
    return table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left] > 0


def _bounds(
    x: Tensor, y: Tensor, radius: Tensor, columns: int, rows: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # each [n]
    """Returns half-open ranges of columns and rows, int64, empty where the radius is -inf."""
    left, top = (x - radius).clamp(0, columns).long(), (y - radius).clamp(0, rows).long()
    right, bottom = (x + radius).ceil().clamp(0, columns).long(), (y + radius).ceil().clamp(0, rows).long()
    return left, torch.maximum(left, right), top, torch.maximum(top, bottom)
