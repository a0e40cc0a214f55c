"""Masks that count in training by how far other views agree with them, and what was found of that, kept on disk."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.files.arrays import read_npz
from saga.files.reading import reading
from saga.files.transaction import atomic_path
from saga.masks.agreement import agreements
from saga.masks.open import mask_folders
from saga.masks.source import MaskSource, WrappedMasks
from saga.raster import DeviceScene
from saga.scene.camera import Camera

_VERSION = 1
_LEAST_WEIGHT = 0.05
"""What a mask without any like still counts: doubt is no proof."""


class AgreedMasks(WrappedMasks):
    """Masks of a source that count in training by how far other views agree with them."""

    def __init__(
        self,
        source: MaskSource,
        agreed: dict[str, np.ndarray],  # each [M]
        power: float,
    ) -> None:
        """Takes a source, what `agreements` says of it, and the power of that by which masks count."""
        self.source, self._agreed, self._power = source, agreed, power

    def weights(self, camera: Camera) -> np.ndarray | None:  # [M]
        """Returns the weight of each mask of a view: the source's own, times a power of the agreement; float32."""
        own, agreed = super().weights(camera), self._agreed.get(camera.name)
        if agreed is None:
            return own
        weights: np.ndarray = np.maximum(agreed**self._power, _LEAST_WEIGHT).astype(np.float32)
        return weights if own is None else own * weights


def kept_agreements(
    scene: DeviceScene, cameras: Sequence[Camera], source: MaskSource, progress: bool = True
) -> dict[str, np.ndarray]:  # each [M]
    """Tells how far other views agree with every mask, as `agreements` does, from where masks are kept if it is there.

    Raises:
        SagaError: masks cannot be read, or a file cannot be written.
    """
    if scene.scene.path is None:
        return agreements(scene.geometry, cameras, source, progress)
    folders, name = mask_folders(scene.scene), f"agreement-{_key(scene, cameras, source)}.npz"
    counts = {camera.name: index for index, camera in enumerate(cameras)}
    for folder in folders:
        found = _read(folder / name, len(counts))
        if found is not None:
            return {camera: found[index] for camera, index in counts.items()}
    made = agreements(scene.geometry, cameras, source, progress)
    sizes = np.array([len(made[camera.name]) for camera in cameras], np.int64)
    with atomic_path(folders[0] / name) as temporary:
        np.savez_compressed(temporary, sizes=sizes, agreed=np.concatenate([made[each.name] for each in cameras]))
    return made


def _key(scene: DeviceScene, cameras: Sequence[Camera], source: MaskSource) -> str:
    """Digest of all that decides how far masks agree: the Gaussians, the views, and every mask."""
    facts = [_VERSION, scene.scene.gaussians.digest(), [[each.name, each.describe()] for each in cameras]]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for camera in cameras:
        masks = source.masks(camera)
        digest.update(f"{masks.shape}".encode())
        digest.update(np.packbits(masks).tobytes())
    return digest.hexdigest()[:16]


def _read(path: Path, views: int) -> list[np.ndarray] | None:  # each [M]
    """Returns the agreement of each view's masks; None where there is no file, or a damaged one, which is warned of."""
    if not path.is_file():
        return None
    try:
        with reading(path, "how far masks agree", "it is found again"):
            kept = read_npz(path, None, "how far masks agree", "it is found again")
            sizes, agreed = kept["sizes"], kept["agreed"]
            if sizes.shape != (views,) or agreed.shape != (sizes.sum(),):
                raise ValueError(f"{len(agreed)} masks of {len(sizes)} views")
            return np.split(agreed, np.cumsum(sizes)[:-1])
    except SagaError as error:
        warnings.warn(str(error), stacklevel=3)
        return None
