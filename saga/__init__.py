"""saga: click an object in a 3D Gaussian splatting scene and get it in 3D."""

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
