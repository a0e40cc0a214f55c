"""Scores: the similarity of every Gaussian to a set of queries, in one pass over the features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from saga.native import bindings

_BLOCK = bindings.MATCH_BLOCK
"""Gaussians of a block lie side by side, channel by channel."""


@dataclass(frozen=True)
class Matcher:
    """The features of a scene, ready for matching: float16 directions, half the bytes of float32."""

    blocks: Tensor  # [ceil(N / 16), C, 16] float16
    """Features of unit length (0 for features of length 0), in blocks of 16 Gaussians."""
    lengths: Tensor  # [N] float32
    """Length of each feature."""

    @staticmethod
    def build(
        features: Tensor,  # [N, C]
    ) -> Matcher:
        """Splits features into direction and length."""
        lengths = features.norm(dim=1)
        directions = (features / lengths.clamp(min=1e-12)[:, None]).half()
        padded = F.pad(directions, (0, 0, 0, -len(features) % _BLOCK))
        blocks = padded.reshape(-1, _BLOCK, features.shape[1]).transpose(1, 2).contiguous()
        return Matcher(blocks, lengths)

    def cosine(
        self,
        queries: Tensor,  # [Q, C]
    ) -> Tensor:  # [N]
        """Returns the largest cosine similarity with any query (SAGA, section 3.4), -2 without queries."""
        if len(queries) == 0:
            return torch.full_like(self.lengths, -2.0)
        return max_product(self.blocks, F.normalize(queries, dim=1))[: len(self.lengths)]

    def product(
        self,
        queries: Tensor,  # [Q, C]
    ) -> Tensor:  # [N]
        """Returns the largest dot product with any query (SAGA, eq. 12)."""
        return max_product(self.blocks, queries)[: len(self.lengths)] * self.lengths


def max_product(
    blocks: Tensor,  # [B, C, 16] float16
    queries: Tensor,  # [Q, C] float32
) -> Tensor:  # [B * 16] float32
    """Returns the largest product of every feature with a query; there is at least one query."""
    kind = blocks.device.type
    if bindings.library(kind) is None:
        return max_product_reference(blocks, queries)
    queries, scores = queries.contiguous(), torch.empty(len(blocks) * _BLOCK, device=blocks.device)
    bindings.call(kind, "saga_match", *blocks.shape[:2], bindings.pointer(blocks, torch.float16), len(queries),
                 bindings.pointer(queries), bindings.pointer(scores), bindings.stream(blocks))  # fmt: skip
    return scores


def max_product_reference(
    blocks: Tensor,  # [B, C, 16]
    queries: Tensor,  # [Q, C]
) -> Tensor:  # [B * 16]
    """Returns the same as `max_product`, in plain PyTorch."""
    return (queries @ blocks.float()).amax(1).flatten()
