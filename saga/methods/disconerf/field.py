"""SlotField: what training produces, and its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from saga.errors import SagaError
from saga.files.json_values import json_text
from saga.files.reading import reading
from saga.files.tensors import read_tensors
from saga.files.transaction import atomic_path
from saga.methods.disconerf.config import DiscoNerfConfig
from saga.scene import Scene

FORMAT_VERSION = 1
_CHUNK = 1 << 16


@dataclass(frozen=True)
class SlotField:
    """Features of every Gaussian of one scene, and the layer that turns them into object slots (eq. 3)."""

    features: Tensor  # [N, C]
    """float32 [N, C], in the PLY's order."""
    weight: Tensor  # [S, C]
    bias: Tensor  # [S]
    """softmax(weight f + bias) are a Gaussian's object probabilities."""
    scene_digest: str
    """Digest of the geometry the field was trained for (Gaussians.digest)."""
    config: DiscoNerfConfig
    """How it was trained."""
    report: dict[str, Any] = field(default_factory=dict)
    """Seconds of each stage, losses, counts: JSON-ready."""

    def probabilities(self) -> Iterator[Tensor]:  # each [n, S]
        """Yields the object probabilities of all Gaussians, some at a time, in the PLY's order."""
        for part in self.features.split(_CHUNK):
            yield torch.softmax(part @ self.weight.T + self.bias, dim=1)

    def to(self, device: str | torch.device) -> SlotField:
        """Returns the field with its tensors on a device."""
        features, weight, bias = (tensor.to(device) for tensor in (self.features, self.weight, self.bias))
        return SlotField(features, weight, bias, self.scene_digest, self.config, self.report)

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file, under a temporary name first.

        Raises:
            SagaError: the place cannot be written.
        """
        tensors = {"features": self.features, "weight": self.weight, "bias": self.bias}
        metadata = {
            "format_version": FORMAT_VERSION,
            "scene_digest": self.scene_digest,
            "config": asdict(self.config),
            "report": self.report,
        }
        with atomic_path(path) as temporary:
            plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
            save_file(plain, temporary, {"saga_slots": json_text(metadata)})

    @staticmethod
    def load(path: str | Path, scene: Scene | None = None) -> SlotField:
        """Reads a field; with a scene, checks that it belongs to it.

        Raises:
            SagaError: no such file, not a slot field, another format version, or a field of another scene.
        """
        path = Path(path)
        if not path.is_file():
            raise SagaError(
                f"{path}: expected a slot field, found none; give masks, and save the slots that are fitted to them."
            )
        with reading(path, "a slot field", "fit one again"):
            tensors, metadata = read_tensors(path, "saga_slots")
            found = metadata["format_version"]
            if found != FORMAT_VERSION:
                raise SagaError(f"{path}: expected format version {FORMAT_VERSION}, found {found}; train again.")
            features, weight, bias = (tensors[name] for name in ("features", "weight", "bias"))
            if weight.shape != (len(bias), features.shape[1]) or features.ndim != 2 or bias.ndim != 1:
                raise ValueError("tensors of shapes that do not fit together")
            config, report = DiscoNerfConfig(**metadata["config"]), metadata["report"]
        if scene is not None and metadata["scene_digest"] != scene.gaussians.digest():
            raise SagaError(
                f"{path}: this slot field was trained for another scene ({len(features)} Gaussians, "
                f"{scene.path} has {len(scene.gaussians)}); fit one to it."
            )
        return SlotField(features, weight, bias, metadata["scene_digest"], config, report)
