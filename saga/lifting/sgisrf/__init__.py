"""SGISRF: scene-generalizable interactive segmentation (Tang et al. 2023) on Gaussian scenes."""

from saga.lifting.sgisrf.config import SgisrfConfig
from saga.lifting.sgisrf.model import SgisrfModel
from saga.lifting.sgisrf.segmenter import Sgisrf
from saga.lifting.sgisrf.similarity import (
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
