"""The methods by name: their settings, and how each is opened on a scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from saga.errors import SagaError
from saga.masks import MaskSource, Sam
from saga.methods.disconerf import DiscoNerfConfig, discover_objects
from saga.methods.prompter import MaskPrompter, Prompter, SamPrompter
from saga.methods.sa3d import Sa3d, Sa3dConfig
from saga.methods.sanerf_hq import SanerfHq, SanerfHqConfig
from saga.methods.sgisrf import FeatureSimilarity, MaskSimilarity, Sgisrf, SgisrfConfig
from saga.query import Prompt, Segmentation
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera, Scene

Config = Sa3dConfig | SanerfHqConfig | SgisrfConfig | DiscoNerfConfig

CONFIGS: dict[str, type[Config]] = {
    "sa3d": Sa3dConfig,
    "sanerf-hq": SanerfHqConfig,
    "sgisrf": SgisrfConfig,
    "disconerf": DiscoNerfConfig,
}
"""The settings of each method."""


class Promptable(Protocol):
    """One method, opened on one scene."""

    def segment_prompts(self, prompts: Sequence[Prompt]) -> Segmentation:
        """The object of prompts in several views. Raises SagaError for prompts that it cannot use."""
        ...

    def segment_prompt(self, prompt: Prompt) -> Segmentation:
        """The object of a prompt. Raises SagaError for a prompt that it cannot use."""
        ...


def open_method(
    name: str,
    scene: Scene,
    masks: MaskSource | None,
    config: Config | None = None,
    device: str = "cpu",
    sam: Sam | None = None,
    progress: bool = True,
) -> Promptable:
    """A method, ready for prompts; disconerf cuts the scene into objects first.

    Args:
        name: one of `CONFIGS`.
        scene: the scene.
        masks: masks of the views, made beforehand; may be None with `sam`, but for disconerf.
        config: settings of the method; None takes its defaults.
        device: "cpu" or "cuda".
        sam: makes the masks of prompts instead of choosing among `masks`.
        progress: whether long work shows a progress bar.

    Raises:
        SagaError: an unknown name, settings of another method, or neither masks nor SAM.
    """
    if name not in CONFIGS:
        raise SagaError(f"method: expected one of {', '.join(CONFIGS)}, found {name!r}.")
    config = config if config is not None else CONFIGS[name]()
    if not isinstance(config, CONFIGS[name]):
        raise SagaError(f"method {name}: expected {CONFIGS[name].__name__}, found {type(config).__name__}.")
    if masks is None and (sam is None or isinstance(config, DiscoNerfConfig)):
        raise SagaError(f"method {name}: expected masks of the views; give a folder of masks.")
    if isinstance(config, DiscoNerfConfig):
        assert masks is not None
        return discover_objects(scene, masks, config, device, progress)
    views = DeviceScene(scene, device)
    if isinstance(config, SgisrfConfig):
        similarity = (
            MaskSimilarity(scene, masks) if masks is not None and sam is None else _sam_similarity(views, sam, masks)
        )
        return Sgisrf(scene, similarity, None, config, device)
    prompter = _prompter(views, masks, sam)
    return (
        Sa3d(views, prompter, config) if isinstance(config, Sa3dConfig) else SanerfHq(views, prompter, config, progress)
    )


def _prompter(views: DeviceScene, masks: MaskSource | None, sam: Sam | None) -> Prompter:
    if sam is not None:
        return SamPrompter(views, sam, masks)
    assert masks is not None
    return MaskPrompter(views, masks)


def _sam_similarity(views: DeviceScene, sam: Sam | None, masks: MaskSource | None) -> FeatureSimilarity:
    assert sam is not None
    return FeatureSimilarity(views.scene, _Features(SamPrompter(views, sam, masks)))


class _Features:
    """The features that a SamPrompter remembers, as a MaskSource without masks."""

    def __init__(self, prompter: SamPrompter) -> None:
        self.description, self._prompter = prompter.description, prompter

    def masks(self, camera: Camera) -> np.ndarray:  # [0, H, W]
        """No masks."""
        return np.zeros((0, camera.height, camera.width), bool)

    def features(self, camera: Camera) -> np.ndarray:  # [256, 64, 64]
        """The encoder's features of a view."""
        return self._prompter.features(camera.name)
