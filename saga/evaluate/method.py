"""Methods that can be evaluated: anything that makes a scene ready and then answers prompts."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from saga.errors import SagaError
from saga.masks import MaskSource, Sam, resolve_checkpoint
from saga.methods.registry import open_method
from saga.query import Prompt, QueryConfig, Segmentation, Segmenter
from saga.scene import Scene
from saga.train import FeatureField, TrainConfig, train


class Promptable(Protocol):
    """What answers prompts. One that also has `discover() -> list[Segmentation]` (every object of the scene, without
    a prompt, as `Segmenter.discover`) is judged by its decomposition too."""

    def segment_prompt(self, prompt: Prompt) -> Segmentation:
        """The object of a prompt. Raises SagaError for a prompt that it cannot use."""
        ...


@dataclass(frozen=True)
class Prepared:
    """A scene made ready."""

    segmenter: Promptable
    load_seconds: float = 0.0
    """What a person waits for when they open a scene that was made ready before, without reading the PLY."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """What making it ready took: JSON values."""


class Method(Protocol):
    """What is evaluated."""

    @property
    def settings(self) -> dict[str, Any]:
        """Name and settings, JSON values: results with others are never mixed."""
        ...

    def __call__(self, name: str, scene: Scene, masks: MaskSource, seed: int, device: str) -> Prepared:
        """Makes a scene (called `name`) ready with the masks of its views."""
        ...


@dataclass(frozen=True)
class SagaMethod:
    """This toolkit: a feature field trained once a scene and seed, then queries."""

    train: TrainConfig = TrainConfig()
    query: QueryConfig = QueryConfig()
    fields: Path | None = None
    """Folder of fields, `<scene>-seed<seed>.saga`: loaded when there, else trained and kept. None keeps nothing."""
    sam: str | None = None
    """Segment Anything checkpoint that answers points and boxes first; the masks must be its own."""
    progress: bool = True
    """Whether training shows its progress bar."""

    @property
    def settings(self) -> dict[str, Any]:
        """As in Method."""
        return {"name": "saga", "train": asdict(self.train), "query": asdict(self.query), "sam": self.sam}

    def __call__(self, name: str, scene: Scene, masks: MaskSource, seed: int, device: str) -> Prepared:
        """Trains, saves, and loads again what it saved, so that loading is measured as a person meets it.

        Raises SagaError as training does, and for a kept field of another scene or other training settings.
        """
        config = replace(self.train, seed=seed)
        with tempfile.TemporaryDirectory() as temporary:
            path = (self.fields or Path(temporary)) / f"{name}-seed{seed}.saga"
            if not path.is_file():
                checkpoint = path.with_name(f"{path.name}.checkpoint")
                trained = train(scene, masks, config, device, checkpoint, self.progress)
                path.parent.mkdir(parents=True, exist_ok=True)
                trained.save(path)
            start = time.perf_counter()
            loaded = FeatureField.load(path, scene)
            model = None if self.sam is None else Sam.load(resolve_checkpoint(self.sam), device)
            segmenter = Segmenter(scene, loaded, self.query, device, model)
            seconds = time.perf_counter() - start
        if loaded.config != config:
            wanted, found = asdict(config), asdict(loaded.config)
            other = ", ".join(f"{key} {found[key]}" for key in wanted if wanted[key] != found[key])
            raise SagaError(f"{path}: this field was trained with {other}; give the same with --train, or delete it.")
        return Prepared(segmenter, seconds, loaded.report or {})


@dataclass(frozen=True)
class OtherMethod:
    """One of the other methods of `saga.methods`, by name."""

    name: str
    """sa3d, sanerf-hq, sgisrf or disconerf."""
    config: Any
    """Its settings."""
    sam: str | None = None
    """Segment Anything checkpoint that makes the masks of prompts, instead of choosing among masks made before."""
    progress: bool = True
    """Whether long work shows its progress bar."""

    @property
    def settings(self) -> dict[str, Any]:
        """As in Method."""
        return {"name": self.name, "config": asdict(self.config), "sam": self.sam}

    def __call__(self, name: str, scene: Scene, masks: MaskSource, seed: int, device: str) -> Prepared:
        """Opens the method on the scene. Raises SagaError as `open_method` does."""
        start = time.perf_counter()
        model = None if self.sam is None else Sam.load(resolve_checkpoint(self.sam), device)
        config = self.config  # sgisrf draws nothing at random and has no seed
        config = replace(config, seed=seed) if hasattr(config, "seed") else config
        opened = open_method(self.name, scene, config, masks=masks, sam=model, device=device, progress=self.progress)
        return Prepared(opened, 0.0, {"seconds": {"open": time.perf_counter() - start}})
