"""What a scene says of itself, without masks of anybody: which masks come from it, and its supports and objects."""

from __future__ import annotations

from saga.masks.classical import ClassicalGenerator
from saga.masks.joined import JoinedMasks
from saga.masks.models.generator import ModelGenerator
from saga.masks.open import scene_generator
from saga.masks.scene.generator import SceneGenerator
from saga.masks.scene.structure import SceneStructure
from saga.masks.source import MaskSource, WrappedMasks
from saga.raster import DeviceScene


def are_given(masks: MaskSource) -> bool:
    """Whether masks come from a person or a model, not from the scene or its photographs alone."""
    return not isinstance(getattr(_innermost(masks), "generator", None), (SceneGenerator, ClassicalGenerator))


def generator_of(masks: MaskSource | None) -> SceneGenerator | None:
    """Returns what makes the masks, if they are the scene's own, or joined given ones; None for all others."""
    while isinstance(masks, WrappedMasks) and not isinstance(masks, JoinedMasks):
        masks = masks.source
    generator = masks.own if isinstance(masks, JoinedMasks) else getattr(masks, "generator", None)
    return generator if isinstance(generator, SceneGenerator) else None


def model_of(masks: MaskSource) -> str | None:
    """Returns the digest of the model that made masks and handed out its features; None where no model did."""
    generator = getattr(_innermost(masks), "generator", None)
    return generator.digest if isinstance(generator, ModelGenerator) else None


def _innermost(masks: MaskSource) -> MaskSource:
    """Returns what masks were wrapped again and again; of joined ones, those that were given."""
    while isinstance(masks, WrappedMasks):
        masks = masks.source
    return masks


def scene_structure(
    scene: DeviceScene, masks: MaskSource | None = None, progress: bool = True
) -> SceneStructure | None:
    """Returns the supports and objects of a scene, from its masks' cache if they are there; None where there are none.

    Args:
        scene: the scene on a device, with photographs.
        masks: masks of the scene's views: its own know its structure, and any others stand for themselves.
        progress: whether to show a bar on standard error.

    Raises:
        SagaError: a photograph cannot be read, or the cache cannot be written.
    """
    generator = generator_of(masks)
    if masks is None and scene.scene.path is not None:
        generator = scene_generator(scene)
    if generator is None:
        return None
    structure = generator.structure(progress)
    return structure if structure.found else None
