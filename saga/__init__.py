"""saga: click an object in a 3D Gaussian splatting scene and get it in 3D."""

import os

# PyTorch's OpenMP threads spin while they wait, which on a machine with other work costs many times what it
# saves. Only a value set before PyTorch is loaded counts; a person's own choice stands.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# ruff: noqa: E402
from saga.errors import SagaError
from saga.query import Prompt, QueryConfig, Segmentation, Segmenter
from saga.scene import Scene, load_scene
from saga.train import FeatureField, TrainConfig, train

__all__ = [
    "FeatureField",
    "Prompt",
    "QueryConfig",
    "SagaError",
    "Scene",
    "Segmentation",
    "Segmenter",
    "TrainConfig",
    "load_scene",
    "train",
]
