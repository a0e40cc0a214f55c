"""Propagated masks of a scene, by what a person asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from saga.masks.cache import MaskCache
from saga.masks.propagation.config import PropagationConfig
from saga.masks.propagation.generator import PropagatedGenerator
from saga.masks.propagation.video_model import VideoModel
from saga.masks.source import MaskGenerator
from saga.raster import DeviceScene
from saga.scene.scene import Scene


def propagated_generator(
    scene: Scene | DeviceScene,
    images: MaskGenerator,
    model: Path,
    folders: Sequence[Path],
    device: str = "auto",
    progress: bool = True,
    config: PropagationConfig | None = None,
    say: Callable[[str], None] | None = None,
) -> PropagatedGenerator:
    """Return the generator of propagated masks, with everything tracked and judged unless all views have masks already.

    Args:
        scene: the scene, with photographs.
        images: makes the masks of keyframes.
        model: the folder of a video model.
        folders: where masks may lie; tracks are kept in the first.
        device: where models run, and where a scene that is on no device yet is rendered.
        progress: whether to show bars on standard error.
        config: settings; None takes the defaults.
        say: is told, in one line each, how long the models are going to take.

    Raises:
        SagaError: as `VideoModel` and `PropagatedGenerator`.
    """
    placed = DeviceScene.of(scene, device)
    generator = PropagatedGenerator(placed, folders[0], images, VideoModel(model, device), config=config)
    if all(MaskCache(folder, generator).missing(placed.scene.cameras) for folder in folders):
        generator.things(progress, say)
    return generator
