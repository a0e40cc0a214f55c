"""The trained model's file, and the one that comes with the package."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from saga.errors import SagaError
from saga.files.json_values import json_text
from saga.files.reading import reading
from saga.files.tensors import read_tensors
from saga.files.transaction import atomic_path
from saga.methods.sgisrf.network import NetworkSize, SegmentationNetwork

FORMAT = "saga-sgisrf-1"
SHIPPED = Path(__file__).with_name("model.safetensors")
"""Trained on procedural scenes only; its metadata say how long and with which seed."""


@dataclass
class SgisrfModel:
    """A network and what it was trained for."""

    network: SegmentationNetwork
    resolution: int
    """Voxels along a side of the coarse grid."""
    propagation: bool = True
    """Whether it was trained with propagated guidance (Table 1, P)."""
    refinement: bool = True
    """Whether its refinement was trained (Table 1, U)."""
    facts: dict[str, Any] = field(default_factory=dict)
    """How it was trained: JSON values."""

    @staticmethod
    def create(size: NetworkSize, resolution: int, propagation: bool, refinement: bool, seed: int) -> SgisrfModel:
        """Returns a model with random weights, the same for the same seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = SegmentationNetwork(size)
        return SgisrfModel(network, resolution, propagation, refinement)

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file with float16 weights, under a temporary name first. Raises SagaError."""
        metadata = {
            "format": FORMAT,
            "size": asdict(self.network.size),
            "resolution": self.resolution,
            "propagation": self.propagation,
            "refinement": self.refinement,
            "facts": self.facts,
        }
        tensors = {name: value.detach().cpu().half().contiguous() for name, value in self.network.state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, {"saga": json_text(metadata)})

    @staticmethod
    def load(path: str | Path = SHIPPED, device: str | torch.device = "cpu") -> SgisrfModel:
        """Reads a model, ready for predictions. Raises SagaError for a missing, damaged or other file."""
        wanted = f"a SGISRF model ({FORMAT}) as python -m saga.methods.sgisrf.training writes"
        if not Path(path).is_file():
            raise SagaError(f"{path}: no such file; expected {wanted}.")
        with reading(Path(path), wanted, "train one, or leave the model out"):
            tensors, metadata = read_tensors(Path(path), "saga")
            if metadata.get("format") != FORMAT:
                found = metadata.get("format", "another")
                raise SagaError(f"{path}: expected {wanted}, found {found} format; train one, or leave the model out.")
            network = SegmentationNetwork(NetworkSize(**metadata["size"]))
            network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
            model = SgisrfModel(
                network, int(metadata["resolution"]), bool(metadata["propagation"]), bool(metadata["refinement"]),
                dict(metadata["facts"]),
            )  # fmt: skip
        network.eval().to(device)
        return model
