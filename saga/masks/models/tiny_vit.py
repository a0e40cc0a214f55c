"""The image encoder of MobileSAM: a TinyViT whose last stage keeps the resolution, and SAM's neck.

"Faster Segment Anything: Towards Lightweight SAM for Mobile Applications" (Zhang et al., 2023). timm builds
the TinyViT; the checkpoint's tensor names are translated to timm's.
"""

from __future__ import annotations

import importlib
import math
import re

import torch
from torch import Tensor, nn

from saga.errors import SagaError

PREFIX = "image_encoder."
MARK = PREFIX + "patch_embed.seq.0.c.weight"
"""A tensor that MobileSAM checkpoints have and other SAM checkpoints have not."""
IMAGE_SIZE = 1024
"""Side of the encoder's square input, pixels: not in the checkpoint, MobileSAM has no other."""

MOBILE_SAM = ((64, 128, 160, 320), (2, 2, 6, 2), (1, 4, 5, 10), (7, 7, 14, 7), 256)
"""Sizes of the published model, as `TinyVitEncoder` takes them."""

_RENAMES = (
    (re.compile(r"^patch_embed\.seq\.0\."), "patch_embed.conv1."),
    (re.compile(r"^patch_embed\.seq\.2\."), "patch_embed.conv2."),
    (re.compile(r"^layers\.(\d+)\.blocks\."), r"stages.\1.blocks."),
    (re.compile(r"\.c\.weight$"), ".conv.weight"),
)
_DOWNSAMPLE = re.compile(r"^layers\.(\d+)\.downsample\.")
_UNUSED = re.compile(r"^(norm_head|head)\.|attention_bias_idxs$")


class TinyVitEncoder(nn.Module):
    """Images [B, 3, S, S] to features [B, 256, S / 16, S / 16]."""

    def __init__(
        self,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
        heads: tuple[int, ...],
        windows: tuple[int, ...],
        out: int,
    ) -> None:
        """Makes an encoder of the given sizes of each stage, and channels of its features; weights not loaded.

        Raises SagaError when timm is not installed.
        """
        super().__init__()
        try:
            timm_tiny_vit = importlib.import_module("timm.models.tiny_vit")
        except ImportError as error:
            raise SagaError(f"MobileSAM: expected the package timm, found none ({error}); pip install timm.") from error
        self.img_size = IMAGE_SIZE
        trunk = timm_tiny_vit.TinyVit(
            num_classes=0, embed_dims=widths, depths=depths, num_heads=heads, window_sizes=windows
        )
        self.patch_embed = trunk.patch_embed
        self.stages = trunk.stages
        self.stages[-1].downsample.conv2.conv.stride = (1, 1)
        self.neck = nn.Sequential(
            nn.Conv2d(widths[-1], out, kernel_size=1, bias=False),
            _ChannelNorm(out),
            nn.Conv2d(out, out, kernel_size=3, padding=1, bias=False),
            _ChannelNorm(out),
        )

    def forward(
        self,
        images: Tensor,  # [B, 3, S, S]
    ) -> Tensor:  # [B, 256, S / 16, S / 16]
        """Returns the features of normalized images."""
        features: Tensor = self.neck(self.stages(self.patch_embed(images)))
        return features


def sizes(
    state: dict[str, Tensor],
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], int]:
    """Returns the arguments of `TinyVitEncoder` that a MobileSAM checkpoint was made with."""
    stages = sorted({int(match[1]) for key in state if (match := re.match(PREFIX + r"layers\.(\d+)\.", key))})
    layers = [PREFIX + f"layers.{stage}." for stage in stages]
    biases = [state[f"{layer}blocks.0.attn.attention_biases"].shape for layer in layers[1:]]
    widths = [state[PREFIX + "patch_embed.seq.2.c.weight"].shape[0]]
    widths += [state[f"{layer}downsample.conv1.c.weight"].shape[0] for layer in layers[:-1]]
    depths = [len({key.split(".")[4] for key in state if key.startswith(f"{layer}blocks.")}) for layer in layers]
    # The first stage is convolutional: it has neither heads nor windows.
    heads = (1, *(heads for heads, _ in biases))
    windows = (7, *(math.isqrt(offsets) for _, offsets in biases))
    return tuple(widths), tuple(depths), heads, windows, state[PREFIX + "neck.0.weight"].shape[0]


class _ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of [B, C, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


def translate(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns a MobileSAM state dict with the encoder's tensors named as in `TinyVitEncoder`."""
    translated = {}
    for key, value in state.items():
        if not key.startswith(PREFIX):
            translated[key] = value
            continue
        name = key.removeprefix(PREFIX)
        if _UNUSED.search(name):
            continue
        # MobileSAM shrinks at the end of a stage, timm at the start of the next.
        name = _DOWNSAMPLE.sub(lambda match: f"stages.{int(match[1]) + 1}.downsample.", name)
        for pattern, replacement in _RENAMES:
            name = pattern.sub(replacement, name)
        translated[PREFIX + name] = value
    return translated


def is_mobile_sam(state: dict[str, Tensor]) -> bool:
    """Whether a state dict is of MobileSAM's layout."""
    return MARK in state and torch.is_tensor(state[MARK])
