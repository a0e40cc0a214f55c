"""Training of per-Gaussian features from 2D masks."""

from saga.train.config import TrainConfig
from saga.train.field import FeatureField
from saga.train.trainer import train

__all__ = ["FeatureField", "TrainConfig", "train"]
