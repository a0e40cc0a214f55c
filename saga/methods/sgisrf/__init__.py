"""SGISRF: scene-generalizable interactive segmentation (Tang et al. 2023) on Gaussian scenes."""

from saga.methods.sgisrf.config import SgisrfConfig
from saga.methods.sgisrf.model import SgisrfModel
from saga.methods.sgisrf.segmenter import Sgisrf
from saga.methods.sgisrf.similarity import (
    ColorSimilarity,
    FeatureSimilarity,
    MaskSimilarity,
    Similarity,
    similarity_of,
)

__all__ = [
    "ColorSimilarity",
    "FeatureSimilarity",
    "MaskSimilarity",
    "Sgisrf",
    "SgisrfConfig",
    "SgisrfModel",
    "Similarity",
    "similarity_of",
]
