"""How each method is opened on a scene."""

from __future__ import annotations

from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.masks import MaskSource, Sam
from saga.methods.disconerf import DiscoNerfConfig, discover_objects
from saga.methods.prompter import MaskPrompter, Prompter, SamPrompter
from saga.methods.registry import method_class
from saga.methods.sa3d import Sa3d, Sa3dConfig
from saga.methods.sanerf_hq import SanerfHq, SanerfHqConfig
from saga.methods.sgisrf import FeatureSimilarity, MaskSimilarity, Sgisrf, SgisrfConfig
from saga.query import Segmenter
from saga.raster.device_scene import DeviceScene
from saga.runtime.device import choose_device
from saga.scene import Camera, Scene
from saga.train import FeatureField


def open_builtin(
    name: str,
    scene: Scene | DeviceScene,
    config: Any,
    *,
    masks: MaskSource | None,
    sam: Sam | None,
    field: FeatureField | None,
    device: str,
    progress: bool,
) -> Any:
    """As `saga.methods.registry.open_method`, with settings that are the method's own."""
    device = choose_device(device) if isinstance(scene, Scene) else str(scene.device)
    loaded = scene if isinstance(scene, Scene) else scene.scene
    if name == "saga":
        if field is None:
            raise SagaError("method saga: expected features of the scene, found none; train them with saga-train.")
        return Segmenter(loaded, field, config, device, sam)
    if masks is None and (sam is None or isinstance(config, DiscoNerfConfig)):
        raise SagaError(f"method {name}: expected masks of the views, found none; give a folder of masks.")
    if isinstance(config, DiscoNerfConfig):
        assert masks is not None
        return discover_objects(loaded, masks, config, device, progress)
    views = DeviceScene(loaded, device) if isinstance(scene, Scene) else scene
    if isinstance(config, SgisrfConfig):
        similarity = (
            MaskSimilarity(loaded, masks) if masks is not None and sam is None else _sam_similarity(views, sam, masks)
        )
        return Sgisrf(loaded, similarity, None, config, device)
    prompter = _prompter(views, masks, sam)
    if isinstance(config, Sa3dConfig):
        return Sa3d(views, prompter, config)
    if isinstance(config, SanerfHqConfig):
        return SanerfHq(views, prompter, config, progress)
    return method_class(name)(views, config)


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

    def has_features(self, camera: Camera) -> bool:
        """True: the encoder makes them of any view."""
        return True

    def features(self, camera: Camera) -> np.ndarray:  # [256, 64, 64]
        """The encoder's features of a view."""
        return self._prompter.features(camera.name)
