"""FeatureField: what training produces, and its file."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from saga.errors import SagaError
from saga.files.mapped import let_go
from saga.files.reading import reading
from saga.scene import Camera, Scene
from saga.scene.camera_json import camera_from_json, camera_to_json, lost_photograph
from saga.train.config import TrainConfig
from saga.train.sam_projection import SamProjection
from saga.train.tensor_file import read_tensors, write_tensors

FORMAT_VERSION = 3
"""2 stores cameras with their lens and photographs relative to the file, 3 features in 16 bits. A field of version 1 is
trained again."""
_READ = (2, FORMAT_VERSION)

_Network = TypeVar("_Network", bound=nn.Module)


def scale_columns(config: TrainConfig) -> list[slice]:
    """Columns of the features that belong to each scale, the coarsest first."""
    width = -(-config.dimensions // config.scales)
    return [slice(first, min(first + width, config.dimensions)) for first in range(0, config.dimensions, width)]


@dataclass
class FeatureField:
    """Features of every Gaussian of one scene, with what is needed to query them."""

    stored: Tensor  # [N, C]
    """Features [N, C] as they are held, in the PLY's order: float16 from training and from a file, which is half the
    memory; those of a file are read when they are needed, and cannot be written to. Zero rows have no direction in it:
    `features` is what to compute with."""
    scene_digest: str
    """Digest of the geometry the field was trained for (Gaussians.digest)."""
    config: TrainConfig
    """How it was trained."""
    cameras: list[Camera]
    """The scene's views at training."""
    phi: SamProjection | None = None
    """Map from SAM's features, None when the masks came without an encoder."""
    report: dict[str, Any] | None = None
    """Seconds of each stage, losses, memory: JSON-ready."""
    mapped: np.ndarray | None = None  # [N, C]
    """The file behind `stored`, where that is read when it is needed."""

    def let_go(self) -> None:
        """Lets go of what was read of the file; the next read takes it from there again."""
        if self.mapped is not None:
            let_go(self.mapped)

    @property
    def features(self) -> Tensor:  # [N, C]
        """Features float32 [N, C], in the PLY's order. Whoever asks once has them in this type from then on."""
        self.stored, self.mapped = self.stored.float(), None
        return self.stored

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file, under a temporary name first.

        Raises:
            SagaError: the place cannot be written.
        """
        tensors = {"features": self.stored.half()}
        if self.phi is not None:
            tensors |= {f"phi.{k}": v for k, v in self.phi.state_dict().items()}
        metadata = {
            "format_version": FORMAT_VERSION,
            "scene_digest": self.scene_digest,
            "config": asdict(self.config),
            "seed": self.config.seed,
            "cameras": [camera_to_json(camera, Path(path).parent) for camera in self.cameras],
            "report": self.report,
        }
        write_tensors(path, tensors, metadata)

    @staticmethod
    def load(path: str | Path, scene: Scene | None = None) -> FeatureField:
        """Reads a field; with a scene, checks that it belongs to it.

        The photographs of `cameras` are looked for where they lie relative to the file, then where they were. Warns
        once when some are in neither place; their cameras then have none, and previews show the scene instead.

        Raises:
            SagaError: no such file, not a field, another format version, or a field of another scene.
        """
        path = Path(path)
        if not path.is_file():
            raise SagaError(
                f"{path}: expected a feature field, found no such file; train one with saga-train SCENE.ply IMAGES."
            )
        with reading(path, "a feature field of saga-train", "train again with saga-train SCENE.ply IMAGES"):
            tensors, metadata = read_tensors(path, left=["features"])
            version = metadata["format_version"]
            if version not in _READ:
                raise SagaError(f"{path}: expected format version {FORMAT_VERSION}, found {version}; train again.")
            field = _assembled(tensors, metadata, path)
            lost = [lost_photograph(*pair) for pair in zip(metadata["cameras"], field.cameras, strict=True)]
        _warn_of_lost(path, [place for place in lost if place is not None], len(lost))
        if scene is not None:
            field.check(scene, path)
        return field

    @property
    def scales(self) -> list[Tensor]:  # [N, C / S] each
        """The features of each scale as they are held, the coarsest first."""
        return [self.stored[:, columns] for columns in scale_columns(self.config)]

    def to(self, device: str | torch.device) -> FeatureField:
        """Returns the field with its tensors on a device; this one stays where it is."""
        phi = None if self.phi is None else copy.deepcopy(self.phi).to(device)
        stored = self.stored.to(device)
        return replace(self, stored=stored, phi=phi, mapped=self.mapped if stored is self.stored else None)

    def check(self, scene: Scene, path: str | Path | None = None) -> None:
        """Raises SagaError when the field was trained for another scene; `path` is named then."""
        if self.scene_digest != scene.gaussians.digest() or len(self.stored) != len(scene.gaussians):
            raise SagaError(
                f"{path or 'field'}: this field was trained for another scene ({len(self.stored)} Gaussians, "
                f"{scene.path} has {len(scene.gaussians)}); train one for it with saga-train."
            )


def _assembled(tensors: dict[str, Any], metadata: dict[str, Any], path: Path) -> FeatureField:
    # Fields from before regions carry a setting of what regions replaced; their features are the same.
    settings = {name: value for name, value in metadata["config"].items() if name != "granularity"}
    # Fields from before there were scales have one; from before masks vouched for each other, all counted alike.
    config = TrainConfig(**({"scales": 1, "agreement": 0.0} | settings))
    features, digest, report = tensors["features"], metadata["scene_digest"], metadata["report"]
    if features.ndim != 2 or features.shape[1] != config.dimensions or not isinstance(digest, str):
        raise ValueError(f"features of shape {list(features.shape)} and a digest {digest!r}")
    _check_report(report)
    cameras = [camera_from_json(entry, path) for entry in metadata["cameras"]]
    phi = _network(SamProjection, "phi.", config, tensors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PyTorch says that the array is read-only: nobody writes to it
        stored = torch.from_numpy(features)
    mapped = features if stored.dtype == torch.float16 else None
    return FeatureField(stored.half(), digest, config, cameras, phi, report, mapped)


def _check_report(report: Any) -> None:
    """Raises ValueError for a report whose figures cannot be added up and printed."""
    if report is None:
        return
    figures = [*report.get("seconds", {}).values(), report.get("peak_memory_megabytes", 0)]
    if not all(isinstance(figure, (int, float)) and not isinstance(figure, bool) for figure in figures):
        raise ValueError("a report of times and memory that are no numbers")


def _warn_of_lost(path: Path, lost: list[str], count: int) -> None:
    if lost:
        warnings.warn(
            f"{path}: {len(lost)} of {count} photographs are no longer where they were (the first was {lost[0]}); "
            "previews show the rendered scene instead; name the folder of the photographs to have them back",
            stacklevel=3,
        )


def _network(
    kind: Callable[[int], _Network], prefix: str, config: TrainConfig, tensors: dict[str, Tensor]
) -> _Network | None:
    weights = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if not weights:
        return None
    network = kind(config.dimensions)
    network.load_state_dict(weights)
    return network
