"""FeatureField: what training produces, and its file."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from saga.errors import SagaError
from saga.files.transaction import atomic_path
from saga.scene import Camera, Scene
from saga.scene.camera_json import camera_from_json, camera_to_json, lost_photograph
from saga.train.config import TrainConfig
from saga.train.granularity import ScaleGate
from saga.train.sam_projection import SamProjection

FORMAT_VERSION = 2
"""2 stores cameras with their lens and photographs relative to the file; a field of version 1 is trained again."""

_Network = TypeVar("_Network", bound=nn.Module)


@dataclass
class FeatureField:
    """Features of every Gaussian of one scene, with what is needed to query them."""

    features: Tensor  # [N, C]
    """Features float32 [N, C], in the PLY's order."""
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
    gate: ScaleGate | None = None
    """What each granularity goes by, None when the field was trained without."""

    def factors(self, granularity: float) -> Tensor:  # [C]
        """Factors of the features, and so of rendered ones and of queries, at a granularity in [0, 1].

        Raises:
            SagaError: the field has no gate, or the granularity is out of range.
        """
        if self.gate is None:
            raise SagaError("granularity: this field was trained without; run saga-train with --granularity.")
        if not 0 <= granularity <= 1:
            raise SagaError(f"granularity: expected a number from 0 (parts) to 1 (groups), found {granularity}.")
        with torch.no_grad():
            result: Tensor = self.gate(granularity)
            return result

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file, under a temporary name first.

        Raises:
            SagaError: the place cannot be written.
        """
        tensors = {"features": self.features.detach().cpu().contiguous()}
        for name, network in (("phi", self.phi), ("gate", self.gate)):
            if network is not None:
                tensors |= {f"{name}.{k}": v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
        metadata = {
            "format_version": FORMAT_VERSION,
            "scene_digest": self.scene_digest,
            "config": asdict(self.config),
            "seed": self.config.seed,
            "cameras": [camera_to_json(camera, Path(path).parent) for camera in self.cameras],
            "report": self.report,
        }
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, {"saga": json.dumps(metadata)})

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
            raise SagaError(f"{path}: no such feature field; train one with saga-train SCENE.ply IMAGES.")
        try:
            with safe_open(path, "pt") as file:
                metadata = json.loads((file.metadata() or {})["saga"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            raise SagaError(
                f"{path}: expected a feature field of saga-train, found another kind or a truncated file; train again."
            ) from error
        if metadata.get("format_version") != FORMAT_VERSION:
            raise SagaError(
                f"{path}: expected format version {FORMAT_VERSION}, "
                f"found {metadata.get('format_version')}; train again."
            )
        config = TrainConfig(**metadata["config"])
        phi, gate = _network(SamProjection, "phi.", config, tensors), _network(ScaleGate, "gate.", config, tensors)
        cameras = [camera_from_json(entry, path) for entry in metadata["cameras"]]
        lost = [lost_photograph(*pair) for pair in zip(metadata["cameras"], cameras, strict=True)]
        _warn_of_lost(path, [place for place in lost if place is not None], len(cameras))
        digest, report = metadata["scene_digest"], metadata["report"]
        field = FeatureField(tensors["features"], digest, config, cameras, phi, report, gate)
        if scene is not None:
            field.check(scene, path)
        return field

    def to(self, device: str | torch.device) -> FeatureField:
        """Returns the field with its tensors on a device; this one stays where it is."""
        phi = None if self.phi is None else copy.deepcopy(self.phi).to(device)
        gate = None if self.gate is None else copy.deepcopy(self.gate).to(device)
        return replace(self, features=self.features.to(device), phi=phi, gate=gate)

    def check(self, scene: Scene, path: str | Path | None = None) -> None:
        """Raises SagaError when the field was trained for another scene; `path` is named then."""
        if self.scene_digest != scene.gaussians.digest() or len(self.features) != len(scene.gaussians):
            raise SagaError(
                f"{path or 'field'}: this field was trained for another scene ({len(self.features)} Gaussians, "
                f"{scene.path} has {len(scene.gaussians)}); train one for it with saga-train."
            )


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
