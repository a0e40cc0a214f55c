"""What the browser draws: splats of the scene in a frame that suits its half precision, and fewer of a large scene."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saga.scene import Camera, Gaussians
from saga.scene.orbit import weighted_quantile
from saga.scene.pose import rigid_inverse

MOST_SHOWN = 600_000
"""Gaussians that are drawn in the browser; of a larger scene the display is a level of detail."""
_TYPICAL = 0.03
"""Standard deviation of the median Gaussian in the browser, whose covariances are 16-bit floats."""
_LARGEST = 150.0
"""Standard deviation that a covariance still holds."""
_WIDENED = 1.2
"""How much larger a Gaussian of the selection is drawn than the one that it covers."""


@dataclass(frozen=True, eq=False)
class Splats:
    """Gaussians as the browser takes them, in its frame."""

    centers: np.ndarray  # [n, 3]
    covariances: np.ndarray  # [n, 3, 3]
    colors: np.ndarray  # [n, 3]
    """Red, green and blue, 0 to 1."""
    opacities: np.ndarray  # [n, 1]


class Display:
    """The Gaussians of a scene in the frame of the browser: moved to the middle, and scaled.

    Attributes:
        shown: rows of the scene that are drawn, int64 [n] in order: all of them, or a level of detail.
        scale: length in the browser's frame of one world unit.
        center: where the browser's origin lies in the world, float64 [3].
    """

    def __init__(self, gaussians: Gaussians, most: int = MOST_SHOWN) -> None:
        """Chooses what is drawn of a scene, at most so many Gaussians."""
        self._gaussians = gaussians
        self.shown, self._grown = _level_of_detail(gaussians, most)
        kept = np.flatnonzero(gaussians.valid)
        sizes = np.median(gaussians.scales[kept], axis=1) if len(kept) else np.ones(1)
        self.scale = _TYPICAL / max(float(np.median(sizes)), 1e-12)
        weights = gaussians.opacities[kept]
        axes = gaussians.means[kept].T.astype(np.float64)
        self.center = np.array([weighted_quantile(axis, weights, 0.5) for axis in axes]) if len(kept) else np.zeros(3)

    @property
    def is_partial(self) -> bool:
        """Whether the scene is larger than what is drawn of it."""
        return len(self.shown) < len(self._gaussians)

    @cached_property
    def colors(self) -> np.ndarray:  # [N, 3]
        """The scene's own colors, those of the constant spherical harmonics, float32 in [0, 1]."""
        return np.asarray(self._gaussians.base_colors(), np.float32)

    @cached_property
    def _centers(self) -> np.ndarray:  # [n, 3]
        return np.asarray((self._gaussians.means[self.shown] - self.center) * self.scale, np.float32)

    @cached_property
    def _covariances(self) -> np.ndarray:  # [n, 3, 3]
        scales = self._gaussians.scales[self.shown] * (self.scale * self._grown)[:, None]
        return _covariances(np.minimum(scales, _LARGEST), self._gaussians.quaternions[self.shown])

    def splats(
        self,
        colors: np.ndarray,  # [N, 3]
        member: np.ndarray | None = None,  # [N] bool
        covering: bool = False,
    ) -> Splats:
        """Returns the Gaussians that are drawn, or the members among them.

        Args:
            colors: red, green and blue of every Gaussian of the scene, 0 to 1.
            member: which to draw; all by default.
            covering: whether they are drawn over themselves: a little larger, and hardly transparent.
        """
        rows = np.arange(len(self.shown)) if member is None else np.flatnonzero(member[self.shown])
        opacities = self._gaussians.opacities[self.shown[rows], None]
        covariances = self._covariances[rows]
        if covering:
            covariances, opacities = covariances * _WIDENED**2, np.sqrt(np.sqrt(opacities))
        return Splats(self._centers[rows], covariances, np.clip(colors[self.shown[rows]], 0, 1), opacities)

    def to_browser(self, points: np.ndarray) -> np.ndarray:  # [..., 3]
        """Returns world points in the browser's frame."""
        return np.asarray((points - self.center) * self.scale)

    def to_world(self, points: np.ndarray) -> np.ndarray:  # [..., 3]
        """Returns points of the browser's frame in the world."""
        return np.asarray(points / self.scale + self.center)


def _level_of_detail(gaussians: Gaussians, most: int) -> tuple[np.ndarray, np.ndarray]:  # [n], [n]
    """Returns which Gaussians are drawn, and how many times larger, for those that stand for others too.

    Large opaque ones are always drawn. Of the others each is drawn with a probability, which is higher for one that
    covers more, and as much larger as makes up for those that are not.
    """
    kept = np.flatnonzero(gaussians.valid & (gaussians.opacities > 1 / 255))
    if len(kept) <= most:
        return kept, np.ones(len(kept), np.float32)
    sizes = np.sort(gaussians.scales[kept], axis=1)
    worth = np.sqrt(gaussians.opacities[kept] * sizes[:, 1] * sizes[:, 2]).astype(np.float64)
    # The factor with which the probabilities add up to what may be drawn.
    low, high = 0.0, most / max(worth.min(), worth.mean() * 1e-9)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(middle * worth, 1).sum() < most else (low, middle)
    chance = np.minimum(low * worth, 1)
    rng = np.random.default_rng(0)
    drawn = np.flatnonzero(rng.random(len(kept)) < chance)
    if len(drawn) > most:
        drawn = np.sort(rng.choice(drawn, most, replace=False))
    return kept[drawn], np.minimum(chance[drawn] ** -0.5, 4.0).astype(np.float32)


def _covariances(
    scales: np.ndarray,  # [n, 3]
    quaternions: np.ndarray,  # [n, 4]
) -> np.ndarray:  # [n, 3, 3]
    w, x, y, z = quaternions.T
    rows = [
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    axes = np.stack([np.stack(row, -1) for row in rows], 1) * scales[:, None, :]
    covariances: np.ndarray = axes @ axes.transpose(0, 2, 1)
    return covariances.astype(np.float32)


def pinhole(
    position: np.ndarray,  # [3]
    axes: np.ndarray,  # [3, 3]
    field_of_view: float,
    width: int,
    height: int,
) -> Camera:
    """Returns a free camera of the world.

    Args:
        position: its center.
        axes: right, down and forward as columns.
        field_of_view: of the height, in radians.
        width: of its picture in pixels.
        height: of its picture in pixels.
    """
    focal = height / 2 / math.tan(field_of_view / 2)
    pose = rigid_inverse(axes, position)
    return Camera("", width, height, focal, focal, width / 2, height / 2, pose).free()
