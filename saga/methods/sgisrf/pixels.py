"""Clicks of a prompt, and which Gaussians the pixels of a view show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from saga.methods.prompter import prompt_points
from saga.methods.sgisrf.grid import Box
from saga.methods.sgisrf.guidance import strongest
from saga.methods.view_order import choose_views
from saga.query.prompts import CheckedPrompt
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera

_REMEMBERED = 64
_SAME_DEPTH = 0.03
"""Difference in depth, relative, up to which two views are taken to show the same point."""
_CANDIDATES = 2
"""Views looked at for each view that a click is to be repeated in."""


@dataclass(frozen=True)
class Click:
    """One click: a pixel of a view, its sign, and what limits its similarity map."""

    view: str
    pixel: tuple[int, int]
    positive: bool = True
    mask: np.ndarray | None = None  # [H, W] float32, taken instead of the similarity
    within: tuple[int, int, int, int] | None = None
    """Box x0, y0, x1, y1 outside of which nothing is alike."""


@dataclass(frozen=True)
class Lattice:
    """Evenly spaced pixels of a view."""

    x0: int
    y0: int
    columns: int
    rows: int
    stride: int

    def take(
        self,
        image: np.ndarray,  # [H, W]
    ) -> np.ndarray:  # [rows, columns]
        """Returns the image at the pixels."""
        ys, xs = self._axes()
        return np.asarray(image[np.ix_(ys, xs)])

    def pixels(self) -> torch.Tensor:  # [rows * columns, 2]
        """Returns the pixels (x, y), row by row, int64."""
        ys, xs = np.meshgrid(*self._axes(), indexing="ij")
        return torch.from_numpy(np.stack([xs.ravel(), ys.ravel()], axis=1))

    def place(self, pixel: tuple[int, int]) -> tuple[int, int] | None:
        """Returns the column and row of the cell that holds a pixel, None when it lies outside."""
        x, y = (pixel[0] - self.x0) // self.stride, (pixel[1] - self.y0) // self.stride
        return (x, y) if 0 <= x < self.columns and 0 <= y < self.rows else None

    def _axes(self) -> tuple[np.ndarray, np.ndarray]:
        return self.y0 + self.stride * np.arange(self.rows), self.x0 + self.stride * np.arange(self.columns)


def lattice(camera: Camera, most: int, box: Box | None = None) -> Lattice:
    """Returns at most about `most` pixels of the rectangle in which a view shows a box, or of the whole image."""
    x0, y0, x1, y1 = 0, 0, camera.width, camera.height
    if box is not None:
        signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
        corners, depths = camera.project(np.array(box.center) + box.half * signs)
        if (depths > 0).all():
            low, high = np.floor(corners.min(0)), np.ceil(corners.max(0))
            x0, y0 = (int(v) for v in np.clip(low, 0, (camera.width - 1, camera.height - 1)))
            x1, y1 = (int(v) for v in np.clip(high, (x0 + 1, y0 + 1), (camera.width, camera.height)))
    stride = max(1, int(np.ceil(np.sqrt((x1 - x0) * (y1 - y0) / max(most, 1)))))
    return Lattice(x0, y0, -(-(x1 - x0) // stride), -(-(y1 - y0) // stride), stride)


class Owners:
    """The Gaussian that contributes most to each pixel (eq. 5)."""

    def __init__(self, device_scene: DeviceScene) -> None:
        """Starts without any view; the last few that are asked for stay in memory."""
        self.device_scene = device_scene
        self.of = lru_cache(_REMEMBERED)(self._of)

    def at(self, view: str, pixel: tuple[int, int]) -> int:
        """Returns the Gaussian of one pixel, -1 where nothing is."""
        return int(strongest(self.device_scene.operator(view).rows(torch.tensor([pixel])))[0])

    def clicked(self, view: str, where: Lattice, pixel: tuple[int, int]) -> np.ndarray:  # [rows, columns]
        """Returns `of`, with the clicked pixel's own Gaussian in the cell that holds it."""
        owners = self.of(view, where)
        place = where.place(pixel)
        if place is not None:
            owners = owners.copy()
            owners[place[1], place[0]] = self.at(view, pixel)
        return owners

    def _of(self, view: str, where: Lattice) -> np.ndarray:  # [rows, columns]
        found = strongest(self.device_scene.operator(view).rows(where.pixels())).cpu().numpy()
        return np.asarray(found.reshape(where.rows, where.columns))


def echoes(owners: Owners, click: Click, count: int) -> list[Click]:
    """Returns clicks on the same point of the surface in up to `count` other views that show it, spread over all."""
    device_scene, camera = owners.device_scene, owners.device_scene.scene.camera(click.view)
    owner = owners.at(camera.name, click.pixel)
    if count == 0 or owner < 0 or not click.positive:
        return []
    point = device_scene.geometry.means[owner].double().cpu().numpy()
    found: list[Click] = []
    for other in choose_views(device_scene.scene.cameras, camera, _CANDIDATES * count):
        place, depth = other.project(point[None])
        if depth[0] <= 0 or not ((place[0] >= 0).all() and (place[0] < (other.width, other.height)).all()):
            continue
        pixel = (int(place[0, 0]), int(place[0, 1]))
        seen = owners.at(other.name, pixel)
        if seen < 0:
            continue
        shown = float(other.project(device_scene.geometry.means[seen].double().cpu().numpy()[None])[1][0])
        if abs(shown - depth[0]) <= _SAME_DEPTH * depth[0]:
            found.append(Click(other.name, pixel))
        if len(found) == count:
            break
    return found


def clicks_of(camera: Camera, prompt: CheckedPrompt, count: int) -> list[Click]:
    """Returns a prompt as clicks; scribbles and masks by up to `count` points on them, a box by its middle."""
    clicks = [Click(camera.name, (int(x), int(y)), False) for x, y in prompt.negative]
    if prompt.mask is not None:
        given = prompt.mask.astype(np.float32)
        clicks += [Click(camera.name, pixel, mask=given) for pixel in spread_points(prompt.mask, count)]
    elif prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        clicks.append(Click(camera.name, ((x0 + x1 - 1) // 2, (y0 + y1 - 1) // 2), within=prompt.box))
    else:
        points, labels = prompt_points(prompt)
        points = points[labels > 0]
        if prompt.scribble is not None and len(points) > count:
            points = points[np.linspace(0, len(points) - 1, count).round().astype(int)]
        clicks += [Click(camera.name, (int(x), int(y))) for x, y in points]
    return clicks


def spread_points(
    mask: np.ndarray,  # [H, W] bool, not empty
    count: int,
) -> list[tuple[int, int]]:
    """Returns up to `count` pixels (x, y) of a mask, far from its border and from each other."""
    distance = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    ys, xs = np.ogrid[: mask.shape[0], : mask.shape[1]]
    points: list[tuple[int, int]] = []
    while len(points) < count and distance.max() > (1 if points else 0):
        y, x = np.unravel_index(int(distance.argmax()), distance.shape)
        points.append((int(x), int(y)))
        distance = np.minimum(distance, np.sqrt((ys - y) ** 2 + (xs - x) ** 2) / 2)
    return points
