"""The scenes that the demo can build: what stands where, and from where it is photographed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from saga.demo import places
from saga.demo.model import DemoObject
from saga.demo.names import LayoutName
from saga.demo.objects import all_objects

Ring = tuple[float, float]
"""Distance in meters and elevation in degrees of a ring of cameras."""


@dataclass(frozen=True)
class Layout:
    """One scene of the demo."""

    objects: Callable[[], list[DemoObject]]
    """Makes everything that is there. What bears the first name is the background, label 0; objects of one name share
    a label."""
    target: tuple[float, float, float]
    """Point that the cameras look at, meters."""
    rings: Sequence[Ring]
    """Rings that the views are spread over, one after the other."""
    azimuths: tuple[float, float] = (0.0, 360.0)
    """First and last direction of the cameras around z in degrees; 270 is in front, towards -y."""
    focal: float = 1.12
    """Focal length in image widths."""

    def around(self, views: int) -> np.ndarray:  # [views, 3]
        """Returns where cameras stand on the rings: distance in meters, elevation and azimuth in radians."""
        places: list[tuple[float, float, float]] = []
        counts = [len(part) for part in np.array_split(np.arange(views), len(self.rings))]
        for (distance, elevation), count, ring in zip(self.rings, counts, range(len(self.rings)), strict=True):
            places += [(distance, np.radians(elevation), azimuth) for azimuth in self._azimuths(count, ring)]
        return np.array(places)

    def in_front(self, views: int, span: float) -> np.ndarray:  # [views, 3]
        """Returns the same for a grid in front, `span` degrees wide and three fifths as high, row by row."""
        rows = max(1, round(float(np.sqrt(0.6 * views))))
        distance, elevation = np.mean(self.rings, axis=0)
        middle = _FRONT if self._closed else float(np.mean(self.azimuths))
        heights = np.linspace(0.3, -0.3, rows) * span
        places: list[tuple[float, float, float]] = []
        for height, row in zip(heights, np.array_split(np.arange(views), rows), strict=True):
            across = middle + np.linspace(-0.5, 0.5, len(row)) * span
            places += [(distance, np.radians(elevation + height), azimuth) for azimuth in np.radians(across)]
        return np.array(places)

    @property
    def _closed(self) -> bool:
        return bool(np.isclose(self.azimuths[1] - self.azimuths[0], 360.0))

    def _azimuths(self, count: int, ring: int) -> np.ndarray:  # [count] radians
        first, last = np.radians(self.azimuths)
        if self._closed:  # it ends one step before its start
            return np.asarray(first + 2 * np.pi * (np.arange(count) + 0.5 * ring) / max(count, 1))
        return np.asarray(np.linspace(first, last, count))


_FRONT = 270.0
"""Direction of the front of what cameras go all around, degrees."""
_START = float(np.degrees(-1.1))
"""Direction of the table's first camera in degrees."""

LAYOUTS: dict[LayoutName, Layout] = {
    "table": Layout(all_objects, (0.0, 0.0, 0.06), ((2.05, 24.0), (2.4, 44.0)), (_START, _START + 360.0)),
    "shelf": Layout(places.shelf, (0.0, 0.0, 0.55), ((1.9, 4.0), (2.1, 22.0)), (215.0, 325.0)),
    "room": Layout(places.living_room, (-0.1, 0.2, 0.35), ((3.4, 24.0), (3.6, 42.0)), (245.0, 385.0), 0.9),
    "clutter": Layout(places.clutter, (0.0, 0.0, 0.08), ((1.5, 26.0), (1.7, 50.0))),
    "gallery": Layout(places.gallery, (0.0, 1.1, 0.95), ((2.5, 0.0), (2.6, 14.0)), (230.0, 310.0), 0.95),
    "garden": Layout(places.garden, (0.0, 0.0, 0.15), ((2.9, 18.0), (3.2, 38.0))),
    "single": Layout(places.single, (0.0, 0.0, 0.16), ((1.1, 12.0), (1.2, 45.0))),
    "dark": Layout(places.dark, (0.0, 0.0, 0.06), ((1.7, 26.0), (1.9, 46.0))),
    "kitchen": Layout(places.kitchen, (0.0, 0.0, 0.72), ((1.5, 16.0), (1.7, 38.0)), focal=0.85),
    "patio": Layout(places.patio, (0.0, 0.0, 0.6), ((2.6, 8.0), (2.6, 26.0)), focal=0.85),
    "bicycle": Layout(places.roadside, (0.0, 0.1, 0.5), ((2.6, 8.0), (2.7, 24.0)), focal=0.9),
    "fern": Layout(places.greenhouse, (0.0, 0.0, 0.5), ((1.9, 8.0), (2.0, 26.0)), (220.0, 320.0), 0.95),
}
"""Layouts by the name that the command line takes."""
