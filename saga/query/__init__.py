"""Queries: from a prompt in one view to an object in 3D."""

from saga.query.config import GRANULARITIES, QueryConfig
from saga.query.prompts import Prompt
from saga.query.segmentation import Segmentation
from saga.query.segmenter import Segmenter

__all__ = ["GRANULARITIES", "Prompt", "QueryConfig", "Segmentation", "Segmenter"]
