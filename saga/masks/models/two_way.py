"""The two-way transformer of SAM's mask decoder, for many prompts of one image, in about a third of the time.

The libraries compute it for each prompt as if images differed, and project every cell of the image to keys, queries
and values of each attention. Here the projections go to the other side of the products: a prompt has some seven tokens
and an image 4,096 cells. With q = W_q t a token's query and x a cell, q . (W_k x) = (W_k^T q) . x; and since the
weights of an attention sum to one, the values' projection and biases follow after the sum. What all prompts share
(positions, and everything of the first layer that no token has changed yet) is computed once for an image. The weights
are the library's own modules, and results differ from theirs by rounding alone.

"Segment Anything" (Kirillov et al., 2023), appendix A, describes the transformer; SAM-HQ, SAM 2, SAM 3's tracker and
EdgeTAM have it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


class TwoWay:
    """The transformer of one decoder, of segment-anything or of transformers."""

    def __init__(self, transformer: nn.Module) -> None:
        """Takes over the weights of a library's transformer, which stays as it is."""
        layers: Any = transformer.layers
        self._layers = [_Layer.of(layer) for layer in layers]
        self._last = _Cross(transformer.final_attn_token_to_image)
        self._norm = _part(transformer, "norm_final_attn", "layer_norm_final_attn")

    def positions(
        self,
        encoding: Tensor,  # [1, C, h, w]
    ) -> SharedPositions:
        """Computes what all images share, from the positional encoding of their cells."""
        places = encoding.flatten(2)[0].contiguous()
        layers = [(layer.to_image.keys(places), layer.to_tokens.queries(places, bias=True)) for layer in self._layers]
        return SharedPositions(layers, self._last.keys(places))

    def image(
        self,
        cells: Tensor,  # [1, C, h, w]
        positions: SharedPositions,
    ) -> SharedImage:
        """Computes what all prompts of an image share.

        Args:
            cells: the encoder's map and the dense embedding of prompts without a mask (or of one prompt, with its own).
            positions: what `positions` returns.
        """
        flat, first = cells.flatten(2)[0].contiguous(), self._layers[0]
        keys, queries = positions.layers[0]
        return SharedImage(
            flat.T.contiguous(),
            positions,
            first.to_image.keys(flat) + keys,
            first.to_image.values(flat),
            first.to_tokens.queries(flat, bias=False) + queries,
        )

    def __call__(
        self,
        image: SharedImage,
        tokens: Tensor,  # [B, T, C]
    ) -> tuple[Tensor, Tensor]:  # [B, T, C], [B, N, C]
        """Returns the tokens of B prompts and the cells of the image as each prompt leaves them, float32."""
        queries, cells = tokens, image.cells
        for index, (layer, (keys, positions)) in enumerate(zip(self._layers, image.positions.layers, strict=True)):
            queries = layer.among_tokens(queries, tokens)
            asking = queries + tokens
            if index == 0:
                found = layer.to_image.of_shared(asking, image.first_keys, image.first_values)
            else:
                found = layer.to_image.of_cells(asking, cells, keys)
            queries = layer.norm2(queries + found)
            queries = layer.norm3(queries + layer.mlp(queries))
            shared = image.first_queries if index == 0 else None
            cells = layer.norm4(layer.to_tokens.onto_cells(queries + tokens, queries, cells, positions, shared))
        found = self._last.of_cells(queries + tokens, cells, image.positions.last)
        return self._norm(queries + found), cells


@dataclass(frozen=True)
class SharedPositions:
    """What all images share in a decoder's transformer; H heads of D channels each."""

    layers: list[tuple[Tensor, Tensor]]
    """Keys and queries of the cells' positions in each layer, [H, D, N] each."""
    last: Tensor  # [H, D, N]
    """Keys of the positions in the last attention."""


@dataclass(frozen=True)
class SharedImage:
    """What all prompts of an image share in a decoder's transformer; H heads of D channels each."""

    cells: Tensor  # [N, C]
    """The image."""
    positions: SharedPositions
    """What it shares with others."""
    first_keys: Tensor  # [H, D, N]
    """Keys of the cells, with their positions, in the first layer."""
    first_values: Tensor  # [H, N, D]
    """Their values there."""
    first_queries: Tensor  # [H, D, N]
    """Their queries there."""


class _Cross:
    """An attention between tokens and the cells of an image."""

    def __init__(self, attention: Any) -> None:
        heads = int(getattr(attention, "num_heads", 0) or attention.num_attention_heads)
        self._attention, self._out = attention, _part(attention, "out_proj", "o_proj")
        self._heads = heads
        inner, channels = attention.q_proj.weight.shape
        self._scale = float((inner // heads) ** -0.5)
        by_head = (heads, inner // heads, channels)
        self._query = attention.q_proj.weight.view(by_head)
        self._key = attention.k_proj.weight.view(by_head)
        self._value = attention.v_proj.weight.view(by_head)
        self._back = self._out.weight.view(channels, heads, -1).permute(1, 2, 0).contiguous()

    def keys(
        self,
        cells: Tensor,  # [C, N]
    ) -> Tensor:  # [H, D, N]
        """Keys of cells without their bias, which adds the same to all of a token's scores."""
        found: Tensor = self._key @ cells
        return found

    def values(
        self,
        cells: Tensor,  # [C, N]
    ) -> Tensor:  # [H, N, D]
        """Values of cells without their bias, which follows after the sum."""
        found: Tensor = (self._value @ cells).transpose(1, 2).contiguous()
        return found

    def queries(
        self,
        cells: Tensor,  # [C, N]
        bias: bool,
    ) -> Tensor:  # [H, D, N]
        """Queries of cells."""
        made: Tensor = self._query @ cells
        return made + self._attention.q_proj.bias.view(*made.shape[:2], 1) if bias else made

    def of_shared(
        self,
        tokens: Tensor,  # [B, T, C]
        keys: Tensor,  # [H, D, N]
        values: Tensor,  # [H, N, D]
    ) -> Tensor:  # [B, T, C]
        """What tokens find in cells that are the same for all prompts."""
        (count, each, _), heads = tokens.shape, self._heads
        asking = self._split(self._attention.q_proj(tokens) * self._scale).transpose(0, 1)  # [H, B, T, D]
        weights = (asking.reshape(heads, count * each, -1) @ keys).softmax(-1)
        found = (weights @ values).view(heads, count, each, -1)
        return self._joined(found.transpose(0, 1))

    def of_cells(
        self,
        tokens: Tensor,  # [B, T, C]
        cells: Tensor,  # [B, N, C]
        positions: Tensor,  # [H, D, N]
    ) -> Tensor:  # [B, T, C]
        """What tokens find in the cells of their own prompts."""
        count, each, channels = tokens.shape
        asking = self._split(self._attention.q_proj(tokens) * self._scale)  # [B, H, T, D]
        scores = self._scores(asking, self._key, cells, positions)
        found = torch.bmm(scores.softmax(-1), cells).view(count, self._heads, each, channels)
        return self._joined(found @ self._value.transpose(1, 2))

    def onto_cells(
        self,
        tokens: Tensor,  # [B, T, C]
        values: Tensor,  # [B, T, C]
        cells: Tensor,  # [B, N, C] or [N, C]
        positions: Tensor,  # [H, D, N]
        shared: Tensor | None,  # [H, D, N]
    ) -> Tensor:  # [B, N, C]
        """Adds to cells what they find in tokens; `shared` are their queries when all prompts have the same cells."""
        (count, each, channels), heads = tokens.shape, self._heads
        keys = self._split(self._attention.k_proj(tokens) * self._scale)  # [B, H, T, D]
        if shared is None:
            scores = self._scores(keys, self._query, cells, positions)
        else:
            by_head = keys.transpose(0, 1).reshape(heads, count * each, -1) @ shared
            scores = by_head.view(heads, count, each, -1).transpose(0, 1)
        weights = scores.reshape(count, heads, each, -1).softmax(2).view(count, heads * each, -1)
        # The weights of each head sum to one: its share of the bias joins the values.
        back = self._split(self._attention.v_proj(values)) @ self._back + self._out.bias / heads
        back = back.reshape(count, heads * each, channels)
        if cells.dim() == 2:
            return torch.baddbmm(cells, weights.transpose(1, 2), back)
        return cells.baddbmm_(weights.transpose(1, 2), back)  # nobody needs the cells of before: no copy of them

    def _scores(
        self,
        asking: Tensor,  # [B, H, T, D]
        projection: Tensor,  # [H, D, C]
        cells: Tensor,  # [B, N, C]
        positions: Tensor,  # [H, D, N]
    ) -> Tensor:  # [B, H * T, N]
        scores: Tensor = (asking @ positions).flatten(1, 2)
        return scores.baddbmm_((asking @ projection).flatten(1, 2), cells.transpose(1, 2))

    def _split(
        self,
        tokens: Tensor,  # [B, T, H * D]
    ) -> Tensor:  # [B, H, T, D]
        return tokens.view(*tokens.shape[:2], self._heads, -1).transpose(1, 2)

    def _joined(
        self,
        found: Tensor,  # [B, H, T, D]
    ) -> Tensor:  # [B, T, C]
        joined: Tensor = self._out(found.transpose(1, 2).flatten(2) + self._attention.v_proj.bias)
        return joined


@dataclass(frozen=True)
class _Layer:
    """One layer: what the library computes among tokens, and attention to and from the image."""

    own: Any
    """The library's layer."""
    to_image: _Cross
    to_tokens: _Cross
    norm1: nn.Module
    norm2: nn.Module
    norm3: nn.Module
    norm4: nn.Module
    mlp: nn.Module

    @staticmethod
    def of(layer: Any) -> _Layer:
        """Names the parts of a library's layer."""
        one, two, three, four = (_part(layer, f"norm{index}", f"layer_norm{index}") for index in range(1, 5))
        to_image, to_tokens = _Cross(layer.cross_attn_token_to_image), _Cross(layer.cross_attn_image_to_token)
        return _Layer(layer, to_image, to_tokens, one, two, three, four, layer.mlp)

    def among_tokens(
        self,
        queries: Tensor,  # [B, T, C]
        tokens: Tensor,  # [B, T, C]
    ) -> Tensor:  # [B, T, C]
        """Attention of tokens to each other; in the first layer they have no positions yet."""
        if self.own.skip_first_layer_pe:
            found: Tensor = self.norm1(self._attend(queries, queries, queries))
            return found
        both = queries + tokens
        found = self.norm1(queries + self._attend(both, both, queries))
        return found

    def _attend(self, *given: Tensor) -> Tensor:  # [B, T, C] each
        made = self.own.self_attn(*(each[:, None] if self._batches_prompts else each for each in given))
        found: Tensor = made[0][:, 0] if self._batches_prompts else made
        return found

    @property
    def _batches_prompts(self) -> bool:
        """Whether the library has an axis for prompts beside that for images, and returns weights too."""
        return hasattr(self.own, "layer_norm1")


def _part(module: Any, *names: str) -> Any:
    """Returns the part of a module that has one of several names: the libraries call the same part differently."""
    return next(getattr(module, name) for name in names if hasattr(module, name))
