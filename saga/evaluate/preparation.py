"""How a method is made ready for a scene before it is asked: a feature field is trained or loaded, or masks serve."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.masks import MaskSource, open_model
from saga.masks.own import are_given, scene_structure
from saga.methods.base import Method
from saga.methods.registry import config_class, method_class, open_method
from saga.raster.device_scene import DeviceScene
from saga.regions import SceneRegions, build_regions
from saga.regions.beside import usable_regions
from saga.regions.scene_regions import SUFFIX
from saga.scene import Scene
from saga.train import FeatureField, TrainConfig, train


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

    method: str = "saga"
    """Name of the method in the registry."""
    config: Any = None
    """Settings of the method; None takes its defaults."""
    train: TrainConfig = TrainConfig()
    """Settings of the training, for a method that needs a field."""
    fields: Path | None = None
    """Folder of fields, `<scene>-seed<seed>.saga`, and regions, `<scene>.regions`: loaded when there, else made and
    kept. None keeps nothing."""
    sam: str | None = None
    """Mask model that answers prompts, or makes their masks; a field must be of its own masks."""
    regions: bool = True
    """Whether a method that needs a field has the scene's regions too, as saga-train makes them."""
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
        trained = {"train": asdict(self.train), "regions": self.regions}
        return settings | trained if self.needs_field else settings

    @property
    def needs_field(self) -> bool:
        """Whether the method answers from features that are trained on the scene."""
        return bool(method_class(self.method).needs_field)

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
        if self.needs_field:
            place = tempfile.TemporaryDirectory() if self.fields is None else nullcontext(str(self.fields))
            with place as where:
                folder = Path(where)
                path, beside = folder / f"{name}-seed{seed}.saga", folder / f"{name}{SUFFIX}"
                self._train(path, scene, masks, seed)
                regions = self._found_regions(beside, scene, masks) if self.regions else None
                start = time.perf_counter()
                loaded = self._load(path, scene.scene, seed)
                method = self._open(scene, masks, seed, loaded, regions)
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
        trained.save(path)

    def _found_regions(self, path: Path, scene: DeviceScene, masks: MaskSource) -> SceneRegions | None:
        """Returns the scene's regions, found and saved where they are not there; a scene without a surface has none."""
        try:
            known = usable_regions(path, scene.scene)
            if known is not None:
                return known
            given = masks if are_given(masks) else None
            structure = scene_structure(scene, masks, self.progress)
            found = build_regions(scene, structure=structure, progress=self.progress, masks=given)
        except SagaError as error:
            warnings.warn(f"no regions, so a prompt has one answer: {error}", stacklevel=2)
            return None
        found.save(path)
        return found

    def _load(self, path: Path, scene: Scene, seed: int) -> FeatureField:
        """Loads a field. Raises SagaError when it was trained otherwise."""
        loaded, config = FeatureField.load(path, scene), replace(self.train, seed=seed)
        if loaded.config != config:
            wanted, found = asdict(config), asdict(loaded.config)
            other = ", ".join(f"{key} {found[key]}" for key in wanted if wanted[key] != found[key])
            raise SagaError(f"{path}: this field was trained with {other}; give the same with --train, or delete it.")
        return loaded

    def _open(
        self,
        scene: DeviceScene,
        masks: MaskSource,
        seed: int,
        loaded: FeatureField | None = None,
        regions: SceneRegions | None = None,
    ) -> Method[Any]:
        """Opens the method on the scene, with its field if it has one."""
        sam = None if self.sam is None else open_model(self.sam, str(scene.device))
        config = self.config  # with a field, the seed is the training's; sgisrf draws nothing at random and has none
        if loaded is None and hasattr(config, "seed"):
            config = replace(config, seed=seed)
        return open_method(
            self.method, scene, config, masks=masks, sam=sam, field=loaded, progress=self.progress,
            regions=regions if self.regions else False,
        )  # fmt: skip
