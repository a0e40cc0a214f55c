"""Scores: the similarity of every Gaussian to a set of queries, in one pass over the features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from saga.native import bindings

_BLOCK = bindings.MATCH_BLOCK
"""Gaussians of a block lie side by side, channel by channel."""
_PIECE = 1 << 16
"""Gaussians that are made ready at a time, so that no second copy of all features is held."""
_LET_GO = 16
"""Pieces after which what was read is let go of."""


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
        let_go: Callable[[], None] = lambda: None,
    ) -> Matcher:
        """Splits features of any floating type into direction and length, a piece at a time.

        `let_go` is called now and then; features that are read from a file can be let go of.
        """
        count, channels = features.shape
        blocks = torch.empty(-(-count // _BLOCK), channels, _BLOCK, dtype=torch.float16, device=features.device)
        lengths = torch.empty(count, device=features.device)
        pieces = zip(features.split(_PIECE), lengths.split(_PIECE), blocks.split(_PIECE // _BLOCK), strict=True)
        for number, (part, length, block) in enumerate(pieces):
            if number % _LET_GO == 0:
                let_go()
            part = part.float()
            torch.norm(part, dim=1, out=length)
            directions = part / length.clamp(min=1e-12)[:, None]
            padded = F.pad(directions, (0, 0, 0, -len(part) % _BLOCK))
            block.copy_(padded.reshape(-1, _BLOCK, channels).transpose(1, 2))
        let_go()
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


def lengths_of(
    features: Tensor,  # [N, C]
) -> Tensor:  # [N]
    """Returns the length of each feature, float32, of features of any floating type."""
    return torch.cat([part.float().norm(dim=1) for part in features.split(_PIECE)])
