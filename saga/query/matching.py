"""Scores: the similarity of every Gaussian to a set of queries, in one pass over the features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from saga.raster import _native


@dataclass(frozen=True)
class Matcher:
    """The features of a scene, ready for matching: float16 directions, half the bytes of float32."""

    directions: Tensor  # [N, C] float16, unit length (0 for features of length 0)
    lengths: Tensor  # [N] float32

    @staticmethod
    def build(
        features: Tensor,  # [N, C]
    ) -> Matcher:
        """Splits features into direction and length."""
        lengths = features.norm(dim=1)
        return Matcher((features / lengths.clamp(min=1e-12)[:, None]).half().contiguous(), lengths)

    def cosine(
        self,
        queries: Tensor,  # [Q, C]
    ) -> Tensor:  # [N]
        """Largest cosine similarity with any query (SAGA, section 3.4); below every score without queries."""
        if len(queries) == 0:
            return torch.full_like(self.lengths, -2.0)
        return max_product(self.directions, F.normalize(queries, dim=1))

    def product(
        self,
        queries: Tensor,  # [Q, C]
    ) -> Tensor:  # [N]
        """Largest dot product with any query (SAGA, eq. 12)."""
        return max_product(self.directions, queries) * self.lengths


def max_product(
    features: Tensor,  # [N, C] float16
    queries: Tensor,  # [Q, C] float32
) -> Tensor:  # [N] float32
    """max over queries of features . query, Q > 0."""
    kind = features.device.type
    if _native.library(kind) is None:
        return max_product_reference(features, queries)
    queries, scores = queries.contiguous(), torch.empty(len(features), device=features.device)
    _native.call(kind, "saga_match", *features.shape, _native.pointer(features, torch.float16), len(queries),
                 _native.pointer(queries), _native.pointer(scores), _native.stream(features))  # fmt: skip
    return scores


def max_product_reference(
    features: Tensor,  # [N, C]
    queries: Tensor,  # [Q, C]
) -> Tensor:  # [N]
    """The same in plain PyTorch."""
    return (features.float() @ queries.T).amax(1)
