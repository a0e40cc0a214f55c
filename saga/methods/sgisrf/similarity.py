"""2D semantic propagation: how like each pixel of a view is to the clicked one (SGISRF, eq. 4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from skimage.color import rgb2lab
from torch.nn import functional

from saga.errors import SagaError
from saga.masks import MaskModel, MaskSource
from saga.methods.prompter import SamPrompter
from saga.raster import DeviceScene
from saga.scene import Camera, Scene

_REMEMBERED = 24
_COLOR_WIDTH = 12.0
"""Difference in Lab at which the likeness of colors has fallen to 0.6."""
_NEARNESS = 0.25
"""Distance in image diagonals at which the likeness of places has fallen to 0.6."""


class Similarity(Protocol):
    """A feature space of pixels."""

    description: str
    """One line for people: what the likeness goes by."""
    nested: bool
    """Whether features are sets of masks, where wholes hold parts: SgisrfConfig.exponent is for these."""

    def similarity(self, camera: Camera, pixel: tuple[int, int]) -> np.ndarray:  # [H, W]
        """Returns the cosine of every pixel's feature with that of `pixel` (x, y), float32 in [-1, 1]."""
        ...


class ColorSimilarity:
    """Color and place: the cosine in the feature space of a Gaussian kernel over Lab and pixel coordinates."""

    description = "likeness of color"
    nested = False

    def __init__(self, scene: Scene | DeviceScene) -> None:
        """Takes colors from photographs, or from the scene's own rendering where there are none."""
        self._device_scene = DeviceScene.of(scene)
        self._lab = lru_cache(_REMEMBERED)(self._read)

    def similarity(self, camera: Camera, pixel: tuple[int, int]) -> np.ndarray:  # [H, W]
        """As in Similarity."""
        return color_likeness(self._lab(camera.name), pixel)

    def _read(self, name: str) -> np.ndarray:  # [H, W, 3]
        scene = self._device_scene.scene
        camera = scene.camera(name)
        if camera.image_path is not None:
            return np.asarray(rgb2lab(scene.image(camera)), np.float32)
        colors = torch.from_numpy(scene.gaussians.colors(camera.position)).to(self._device_scene.device)
        rendered = self._device_scene.operator(name).render(colors).clamp(0, 1)
        return np.asarray(rgb2lab(rendered.cpu().numpy()), np.float32)


class MaskSimilarity:
    """Masks that are given: a pixel's feature is the set of its view's masks that hold it.

    The cosine of two such sets is their overlap, |both| / sqrt(|one| |other|). Pixels of no mask form one more;
    there, color decides.
    """

    nested = True

    def __init__(self, scene: Scene | DeviceScene, source: MaskSource) -> None:
        """Takes masks from `source`, and colors as ColorSimilarity does."""
        device_scene = DeviceScene.of(scene)
        self._color = ColorSimilarity(device_scene)
        self._masks = lru_cache(_REMEMBERED)(lambda name: source.masks(device_scene.scene.camera(name)))
        self.description = f"membership in {source.description}"

    def similarity(self, camera: Camera, pixel: tuple[int, int]) -> np.ndarray:  # [H, W]
        """As in Similarity."""
        masks = self._masks(camera.name)
        if masks[:, pixel[1], pixel[0]].any():
            return membership_cosine(masks, pixel)
        return self._color.similarity(camera, pixel) * ~masks.any(0)


class FeatureSimilarity:
    """The features of SAM's encoder."""

    description = "features of Segment Anything's encoder"
    nested = False

    def __init__(self, features: Callable[[str], np.ndarray | None]) -> None:  # [256, 64, 64]
        """Takes what hands out the features [256, 64, 64] of a view by its name; a view without them gets zeros."""
        self._features = lru_cache(_REMEMBERED)(features)

    def similarity(self, camera: Camera, pixel: tuple[int, int]) -> np.ndarray:  # [H, W]
        """As in Similarity; the map has the resolution of the features, interpolated."""
        features = self._features(camera.name)
        if features is None:
            return np.zeros((camera.height, camera.width), np.float32)
        return feature_cosine(features, camera, pixel)


def open_similarity(device_scene: DeviceScene, masks: MaskSource | None, sam: MaskModel | None) -> Similarity:
    """Returns the feature space of what there is: the encoder's features if SAM is given, else the masks.

    Raises SagaError with neither.
    """
    if sam is not None:
        return FeatureSimilarity(SamPrompter(device_scene, sam, masks).features)
    if masks is None:
        raise SagaError("masks: expected masks of the views or Segment Anything, found neither; give one of them.")
    return MaskSimilarity(device_scene, masks)


def membership_cosine(
    masks: np.ndarray,  # [M, H, W] bool
    pixel: tuple[int, int],
) -> np.ndarray:  # [H, W]
    """Returns the cosine of the pixels' sets of masks with that of `pixel` (x, y), float32; 0 where either is empty."""
    chosen = masks[masks[:, pixel[1], pixel[0]]]
    if len(chosen) == 0:
        return np.zeros(masks.shape[1:], np.float32)
    sizes = masks.sum(0, dtype=np.uint16).astype(np.float32)
    shared = chosen.sum(0, dtype=np.uint16).astype(np.float32)
    return np.asarray(shared / np.sqrt(np.maximum(sizes, 1.0) * len(chosen)), np.float32)


def color_likeness(
    lab: np.ndarray,  # [H, W, 3]
    pixel: tuple[int, int],
) -> np.ndarray:  # [H, W]
    """Returns a Gaussian kernel over Lab (against the median around the pixel) and distance in the image, float32."""
    height, width = lab.shape[:2]
    x, y = pixel
    around = lab[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
    color = ((lab - np.median(around, axis=0)) ** 2).sum(-1) / _COLOR_WIDTH**2
    rows, columns = np.ogrid[:height, :width]
    place = ((columns - x) ** 2 + (rows - y) ** 2) / (_NEARNESS**2 * (height**2 + width**2))
    return np.asarray(np.exp(-(color + place) / 2), np.float32)


def feature_cosine(
    features: np.ndarray,  # [C, 64, 64]
    camera: Camera,
    pixel: tuple[int, int],
) -> np.ndarray:  # [H, W]
    """Returns cosines of an encoder's features, whose image fills a square from the top left corner, float32."""
    longest = max(camera.width, camera.height)
    grid = functional.normalize(torch.from_numpy(np.asarray(features, np.float32)), dim=0)
    place = [2 * (value + 0.5) / longest - 1 for value in pixel]
    query = functional.grid_sample(grid[None], torch.tensor([[[place]]], dtype=grid.dtype), align_corners=False)
    cosine = torch.einsum("chw,c->hw", grid, functional.normalize(query[0, :, 0, 0], dim=0))
    whole = functional.interpolate(cosine[None, None], (longest, longest), mode="bilinear", align_corners=False)
    return whole[0, 0, : camera.height, : camera.width].clamp(-1, 1).numpy()
