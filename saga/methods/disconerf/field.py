"""SlotField: what training produces, and its file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from saga.errors import SagaError
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
            save_file(plain, temporary, {"saga_slots": json.dumps(metadata)})

    @staticmethod
    def load(path: str | Path, scene: Scene | None = None) -> SlotField:
        """Reads a field; with a scene, checks that it belongs to it.

        Raises:
            SagaError: no such file, not a slot field, another format version, or a field of another scene.
        """
        path = Path(path)
        if not path.is_file():
            raise SagaError(f"{path}: no such slot field; give masks, and save the slots that are fitted to them.")
        try:
            with safe_open(path, "pt") as file:
                metadata = json.loads((file.metadata() or {})["saga_slots"])
                features, weight, bias = (file.get_tensor(name) for name in ("features", "weight", "bias"))
        except (SafetensorError, KeyError, ValueError) as error:
            raise SagaError(
                f"{path}: expected a slot field, found another kind or a damaged file; fit one again."
            ) from error
        found = metadata.get("format_version")
        if found != FORMAT_VERSION:
            raise SagaError(f"{path}: expected format version {FORMAT_VERSION}, found {found}; train again.")
        if scene is not None and metadata["scene_digest"] != scene.gaussians.digest():
            raise SagaError(
                f"{path}: this slot field was trained for another scene ({len(features)} Gaussians, "
                f"{scene.path} has {len(scene.gaussians)}); fit one to it."
            )
        config = DiscoNerfConfig(**metadata["config"])
        return SlotField(features, weight, bias, metadata["scene_digest"], config, metadata["report"])
