"""How well what a scene shows from its cameras agrees with their photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from saga.raster import BlendOperator, DeviceScene
from saga.scene import Camera, Scene

LONG_SIDE = 128
"""Pixels of the longer side of the compared pictures."""
_BLUR = 1.5
"""Standard deviation in pixels of the blur before comparing: small displacements and noise do not count."""
_LEAST_ALPHA = 0.5
_LEAST_COVERED = 0.05
"""Share of a picture that the scene must cover for the view to say anything."""
_RIM = 6
"""Pixels around what the scene covers that are compared too."""
_VIEWS = 6


@dataclass(frozen=True)
class Agreement:
    """Correlation of renderings and photographs over a few views."""

    score: float
    """Median over the views of the mean of two correlations, of brightness and of its gradient, in [-1, 1]; views that
    the scene hardly covers count as 0."""
    covered: float
    """Mean share of the pictures that the scene covers."""

    @property
    def fits(self) -> bool:
        """Whether the scene shows what the photographs show, beyond what chance gives."""
        return self.score >= 0.5

    @property
    def doubtful(self) -> bool:
        """Whether the views neither agree nor clearly disagree."""
        return not self.fits and self.score >= 0.3


class Comparison:
    """Small copies of a few photographs of a scene, to be compared with renderings from any cameras for them."""

    def __init__(self, scene: Scene, views: int = _VIEWS) -> None:
        """Reads the photographs of up to `views` cameras, spread evenly; undistorted as the pinhole cameras see them.

        Raises:
            SagaError: a photograph cannot be read.
        """
        pictured = [k for k, camera in enumerate(scene.cameras) if camera.image_path is not None]
        chosen = np.unique(np.linspace(0, len(pictured) - 1, min(views, len(pictured))).round().astype(int))
        self.indices = [pictured[k] for k in chosen] if pictured else []
        """Indices into the scene's cameras of those compared."""
        self._small = [_shrunk(scene.cameras[k]) for k in self.indices]
        self._photographs = [scene.image(camera) for camera in self._small]
        if self.indices:
            # One set of colors serves all views: what changes with the direction is little, and takes long to evaluate.
            middle = np.mean([scene.cameras[k].position for k in self.indices], axis=0)
            self._colors = torch.from_numpy(scene.gaussians.colors(middle))

    def __len__(self) -> int:
        """Returns the number of photographs compared."""
        return len(self.indices)

    def with_cameras(self, placed: DeviceScene, cameras: Sequence[Camera], views: int | None = None) -> Agreement:
        """Renders the scene from its views, posed as in `cameras`, and compares.

        Args:
            placed: the scene on a device.
            cameras: one camera for each of the scene's, in their order.
            views: how many of the photographs to look at; None looks at all.
        """
        scores, covered = [], []
        for index, photograph in list(zip(self.indices, self._photographs, strict=True))[:views]:
            height, width = photograph.shape[:2]
            score, share = _compare(placed, self._colors, cameras[index].resized(width, height), photograph)
            scores.append(score)
            covered.append(share)
        return Agreement(float(np.median(scores)), float(np.mean(covered))) if scores else Agreement(0.0, 0.0)


def _shrunk(camera: Camera) -> Camera:
    scale = min(1.0, LONG_SIDE / max(camera.width, camera.height))
    return camera.resized(max(1, round(scale * camera.width)), max(1, round(scale * camera.height)))


def _compare(
    placed: DeviceScene,
    colors: torch.Tensor,  # [N, 3]
    camera: Camera,
    photograph: np.ndarray,  # [H, W, 3] uint8
) -> tuple[float, float]:
    """Returns the correlation in [-1, 1] over the pixels that the scene covers, and the share of these."""
    colors = colors.to(placed.geometry.means)
    rgba = BlendOperator(placed.geometry, camera).render(torch.cat([colors, torch.ones_like(colors[:, :1])], 1))
    shown, alpha = rgba[..., :3].cpu().numpy(), rgba[..., 3].cpu().numpy()
    covered = alpha > _LEAST_ALPHA
    share = float(covered.mean())
    if share < _LEAST_COVERED:
        return 0.0, share
    from scipy.ndimage import binary_dilation, gaussian_filter  # loaded when needed: a twentieth of a click

    weight = np.array([0.299, 0.587, 0.114], np.float32)
    brightness = (photograph.astype(np.float32) / 255) @ weight
    # Where the scene ends, its outline speaks too: it is put before what the photograph shows there on average.
    behind = float(np.median(brightness[~covered])) if not covered.all() else 0.0
    rendered = gaussian_filter(shown @ weight + (1 - alpha) * behind, _BLUR)
    pictured = gaussian_filter(brightness, _BLUR)
    compared = binary_dilation(covered, iterations=_RIM)
    parts = [
        _correlation(rendered[compared], pictured[compared]),
        _correlation(_gradient(rendered)[compared], _gradient(pictured)[compared]),
    ]
    return float(np.mean(parts)), share


def _gradient(picture: np.ndarray) -> np.ndarray:  # [H, W]
    from scipy.ndimage import sobel

    return np.asarray(np.hypot(sobel(picture, 0), sobel(picture, 1)))


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 1e-9 else 0.0
