"""The transformer of the mask decoders of transformers, for many prompts of one image; and a mistake of SAM-HQ's.

Written against transformers 5.24.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from saga.masks.models.two_way import SharedImage, SharedPositions, TwoWay

_OF_THE_IMAGE = (
    "encoder_conv1", "encoder_norm", "encoder_conv2", "compress_vit_conv1", "compress_vit_norm", "compress_vit_conv2",
)  # fmt: skip
"""What SAM-HQ's decoder makes of an image alone, and the library makes again for every batch of prompts."""


def share_image(model: Any, kind: str) -> None:
    """Lets a model of transformers compute once what the prompts of an image share; its weights stay as they are.

    The library's SAM-HQ (at least 4.57 to 5.24) makes its masks of the image as it was before the transformer, with
    rows and columns exchanged. Its authors make them of the image as the transformer leaves it, and so does this.
    """
    decoder = model.mask_decoder
    decoder.transformer = _SharedTransformer(decoder.transformer, mended=kind == "sam_hq")
    for name in _OF_THE_IMAGE if kind == "sam_hq" else ():
        setattr(decoder, name, _Remembered(getattr(decoder, name)))


class _SharedTransformer(nn.Module):
    """Stands for a decoder's transformer and takes the same arguments."""

    def __init__(self, transformer: nn.Module, mended: bool) -> None:
        super().__init__()
        self._own = transformer
        self._two_way = TwoWay(transformer)
        self._mended = mended
        self._given_positions: Tensor | None = None
        self._given_cells: Tensor | None = None
        self._positions: SharedPositions | None = None
        self._shared: SharedImage | None = None

    def forward(
        self,
        point_embeddings: Tensor,  # [1, P, T, C]
        image_embeddings: Tensor,  # [P, C, h, w]
        image_positional_embeddings: Tensor,  # [P, C, h, w]
        **others: Any,
    ) -> tuple[Tensor, Tensor]:  # [1, P, T, C], [P, 1, h * w, C]
        """Returns tokens and cells as the library's transformer does; all prompts are of one image."""
        shared = self._of_image(image_embeddings[:1], image_positional_embeddings[:1])
        tokens, cells = self._two_way(shared, point_embeddings[0])
        if self._mended:
            # The library goes on with the tensor that it gave, and exchanges its rows and columns.
            image_embeddings.copy_(cells.transpose(1, 2).view(image_embeddings.shape).transpose(2, 3))
        return tokens[None], cells[:, None]

    def _of_image(
        self,
        cells: Tensor,  # [1, C, h, w]
        positions: Tensor,  # [1, C, h, w]
    ) -> SharedImage:
        """What the prompts of an image share, from before where the image is the same."""
        if self._positions is None or not _same(positions, self._given_positions):
            self._given_positions, self._positions = positions.clone(), self._two_way.positions(positions)
            self._shared = None
        if self._shared is None or not _same(cells, self._given_cells):
            self._given_cells, self._shared = cells.clone(), self._two_way.image(cells, self._positions)
        return self._shared


class _Remembered(nn.Module):
    """Stands for a module that is given the same again and again."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._own = module
        self._last: tuple[Tensor, Tensor] | None = None

    def forward(
        self,
        given: Tensor,  # [1, C, h, w]
    ) -> Tensor:  # [1, c, h', w']
        """Returns what the module makes of it, from before where it is the same."""
        if self._last is None or not (given is self._last[0] or _same(given, self._last[0])):
            self._last = given, self._own(given)
        return self._last[1]


def _same(
    one: Tensor,
    other: Tensor | None,
) -> bool:
    return other is not None and one.shape == other.shape and one.device == other.device and torch.equal(one, other)
