"""How a method is made ready for a scene before it is asked: a feature field is trained or loaded, or masks serve."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.masks import MaskSource, Sam, resolve_checkpoint
from saga.methods.base import Method
from saga.methods.registry import config_class, open_method
from saga.raster.device_scene import DeviceScene
from saga.scene import Scene
from saga.train import FeatureField, TrainConfig, train

SAGA = "saga"
"""The method that answers from a feature field, which is trained once per scene and seed."""


@dataclass(frozen=True)
class Prepared:
    """A method that is ready for one scene."""

    method: Method[Any]
    load_seconds: float = 0.0
    """What a person waits for when they open a scene that was made ready before, without reading the PLY."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """What making it ready took: JSON values, the stages' times in "seconds"."""


@dataclass(frozen=True)
class Preparation:
    """A method with its settings, and how it is made ready for a scene."""

    method: str = SAGA
    """Name of the method in the registry."""
    config: Any = None
    """Settings of the method; None takes its defaults."""
    train: TrainConfig = TrainConfig()
    """Settings of the training, for "saga"."""
    fields: Path | None = None
    """Folder of fields, `<scene>-seed<seed>.saga`: loaded when there, else trained and kept. None keeps nothing."""
    sam: str | None = None
    """Segment Anything checkpoint that answers prompts, or makes their masks; with "saga" the masks must be its own."""
    progress: bool = True
    """Whether long work shows its progress bar."""

    def __post_init__(self) -> None:
        """Takes the method's defaults where there is no config."""
        if self.config is None:
            object.__setattr__(self, "config", config_class(self.method)())

    @property
    def settings(self) -> dict[str, Any]:
        """Name and settings, JSON values: results of others are never mixed."""
        settings = {"name": self.method, "config": asdict(self.config), "sam": self.sam}
        return settings | {"train": asdict(self.train)} if self.method == SAGA else settings

    def prepare(self, name: str, scene: DeviceScene, masks: MaskSource, seed: int) -> Prepared:
        """Makes the method ready for a scene.

        A field is loaded again after it was trained and saved, so that loading is measured as a person meets it.

        Args:
            name: the scene's name, which its field is called by.
            scene: the scene on the device to compute on.
            masks: masks of its views.
            seed: seed of the training, or of a method that draws at random.

        Raises:
            SagaError: as training and the method raise, and for a kept field of another scene or training.
        """
        if self.method == SAGA:
            with tempfile.TemporaryDirectory() as temporary:
                path = (self.fields or Path(temporary)) / f"{name}-seed{seed}.saga"
                self._train(path, scene, masks, seed)
                start = time.perf_counter()
                loaded = self._load(path, scene.scene, seed)
                method = self._open(scene, masks, seed, loaded)
            return Prepared(method, time.perf_counter() - start, loaded.report or {})
        start = time.perf_counter()
        method = self._open(scene, masks, seed)
        return Prepared(method, 0.0, {"seconds": {"open": time.perf_counter() - start}})

    def _train(self, path: Path, scene: DeviceScene, masks: MaskSource, seed: int) -> None:
        """Trains a field and saves it, unless it is there."""
        if path.is_file():
            return
        checkpoint = path.with_name(f"{path.name}.checkpoint")
        config, device = replace(self.train, seed=seed), str(scene.device)
        trained = train(scene.scene, masks, config, device, checkpoint, self.progress)
        path.parent.mkdir(parents=True, exist_ok=True)
        trained.save(path)

    def _load(self, path: Path, scene: Scene, seed: int) -> FeatureField:
        """Loads a field. Raises SagaError when it was trained otherwise."""
        loaded, config = FeatureField.load(path, scene), replace(self.train, seed=seed)
        if loaded.config != config:
            wanted, found = asdict(config), asdict(loaded.config)
            other = ", ".join(f"{key} {found[key]}" for key in wanted if wanted[key] != found[key])
            raise SagaError(f"{path}: this field was trained with {other}; give the same with --train, or delete it.")
        return loaded

    def _open(
        self, scene: DeviceScene, masks: MaskSource, seed: int, loaded: FeatureField | None = None
    ) -> Method[Any]:
        """Opens the method on the scene, with its field if it has one."""
        sam = None if self.sam is None else Sam.load(resolve_checkpoint(self.sam), str(scene.device))
        config = self.config  # with a field, the seed is the training's; sgisrf draws nothing at random and has none
        if loaded is None and hasattr(config, "seed"):
            config = replace(config, seed=seed)
        return open_method(self.method, scene, config, masks=masks, sam=sam, field=loaded, progress=self.progress)
