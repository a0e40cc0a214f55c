"""The mask decoder of segment-anything for many prompts of one image: its weights and its results, in less time.

Ratings need no masks: the masks of prompts whose answers are all rated too low are never computed. The others' cells
are enlarged a few at a time, so that what is computed stays in the processor's cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from saga.masks.models.two_way import SharedImage, SharedPositions, TwoWay

_CELLS = 1024
"""Cells that a CPU enlarges at once."""


class FileDecoder:
    """A mask decoder, and what it shares between the prompts of the image seen last."""

    def __init__(self, model: Any) -> None:
        """Takes a `Sam` of segment-anything."""
        self._decoder, self._prompts = model.mask_decoder, model.prompt_encoder
        self._transformer = TwoWay(self._decoder.transformer)
        self._enlarging = _Enlarging(self._decoder.output_upscaling)
        self._positions: SharedPositions | None = None
        self._seen: tuple[Tensor, SharedImage] | None = None

    def __call__(
        self,
        embedding: Tensor,  # [1, C, g, g]
        sparse: Tensor,  # [B, K, C]
        above: float,
    ) -> tuple[Tensor, Tensor]:  # [B, A, 4 * g, 4 * g], [B, A]
        """Returns the answers to prompts without masks.

        Args:
            embedding: the encoder's map of the image.
            sparse: embeddings of the prompts' points and boxes.
            above: only prompts with an answer that is rated higher come back.

        Returns:
            Logits and ratings of the A answers to each of these prompts, float32.
        """
        decoder = self._decoder
        own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(sparse), -1, -1), sparse], dim=1)
        tokens, cells = self._transformer(self._shared(embedding), tokens)
        ratings = decoder.iou_prediction_head(tokens[:, 0])[:, 1:]
        good = (ratings > above).any(1)
        kernels = [
            mlp(tokens[good, index + 1]) for index, mlp in enumerate(decoder.output_hypernetworks_mlps) if index > 0
        ]
        return self._enlarging(cells[good], torch.stack(kernels, dim=1), embedding.shape[-1]), ratings[good]

    def _shared(
        self,
        embedding: Tensor,  # [1, C, g, g]
    ) -> SharedImage:
        if self._seen is None or self._seen[0] is not embedding:
            without_mask = self._prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
            if self._positions is None:
                self._positions = self._transformer.positions(self._prompts.get_dense_pe())
            self._seen = (embedding, self._transformer.image(embedding + without_mask, self._positions))
        return self._seen[1]


class _Enlarging:
    """Cells to four times their grid, and the products with each answer's kernel there.

    A transposed convolution whose stride is its size makes 2 x 2 pixels of each cell by one product of matrices.
    Channels stay last, where normalization wants them; only the finished masks are put into rows and columns.
    """

    def __init__(self, upscaling: Any) -> None:
        first, self._norm, _, second, _ = upscaling
        self._first, self._first_bias = _as_product(first)
        self._second, self._second_bias = _as_product(second)
        self._middle, self._channels = first.out_channels, second.out_channels

    def __call__(
        self,
        cells: Tensor,  # [B, g * g, C]
        kernels: Tensor,  # [B, A, c]
        side: int,
    ) -> Tensor:  # [B, A, 4 * g, 4 * g]
        count, answers = kernels.shape[:2]
        step = _CELLS if cells.device.type == "cpu" else cells.shape[1]
        masks = cells.new_empty((count, answers, cells.shape[1] * 16))
        for prompt in range(count):
            for start in range(0, cells.shape[1], step):
                large = self._large(cells[prompt, start : start + step])
                masks[prompt, :, start * 16 : (start + step) * 16] = kernels[prompt] @ large.T
        shape = (count, answers, side, side, 2, 2, 2, 2)
        return masks.view(shape).permute(0, 1, 2, 4, 6, 3, 5, 7).reshape(count, answers, 4 * side, 4 * side)

    def _large(
        self,
        cells: Tensor,  # [K, C]
    ) -> Tensor:  # [16 * K, c]
        norm = self._norm
        middle = torch.addmm(self._first_bias, cells, self._first).view(-1, self._middle)
        middle = F.gelu(F.layer_norm(middle, (self._middle,), norm.weight, norm.bias, norm.eps))
        return F.gelu(torch.addmm(self._second_bias, middle, self._second)).view(-1, self._channels)


def _as_product(convolution: Any) -> tuple[Tensor, Tensor]:  # [C, 4 * c], [4 * c]
    """Returns a transposed convolution of 2 x 2 pixels and stride 2 as a matrix and a bias, channels last."""
    return convolution.weight.permute(0, 2, 3, 1).flatten(1).contiguous(), convolution.bias.repeat(4)
