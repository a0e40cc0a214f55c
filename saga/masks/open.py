"""The masks of a scene by what a person gave: a folder, a Segment Anything checkpoint, or nothing."""

from __future__ import annotations

from pathlib import Path

from saga.errors import SagaError
from saga.masks.cache import MaskCache
from saga.masks.checkpoints import resolve_checkpoint
from saga.masks.classical import ClassicalGenerator
from saga.masks.folder import FolderMasks
from saga.masks.sam import SamGenerator
from saga.masks.source import MaskGenerator, MaskSource
from saga.scene.scene import Scene


def open_masks(
    scene: Scene,
    masks: str | Path | None,
    sam: str | Path | None,
    cache: str | Path,
    device: str = "auto",
    progress: bool = True,
) -> MaskSource:
    """The masks of a scene, made where they are missing: `description` says in one line which they are.

    `masks` is a folder of a person's own masks; `sam` a Segment Anything checkpoint (a path, or "vit_h",
    "vit_l" or "vit_b"); with neither, a classical segmentation serves. Masks that are made are kept in
    `cache`. Raises SagaError when both are given, and as `FolderMasks`, `resolve_checkpoint` and
    `MaskCache.prepare` do.
    """
    if masks is not None and sam is not None:
        raise SagaError(f"{masks}: masks were given and a SAM checkpoint ({sam}) too; give one of them")
    if masks is not None:
        return FolderMasks(masks, scene.cameras)
    generator: MaskGenerator = ClassicalGenerator()
    if sam is not None:
        generator = SamGenerator(resolve_checkpoint(sam), device)
    store = MaskCache(cache, generator)
    store.prepare(scene, progress)
    return store
