"""Checkpoints with random weights in the layouts of Segment Anything and MobileSAM, small enough to run."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn


def small_sam(size: int = 128, width: int = 32, global_blocks: tuple[int, ...] = (1,), seed: int = 0) -> nn.Module:
    """A Segment Anything model as its authors build it, but narrow, shallow and for small images."""
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    torch.manual_seed(seed)
    encoder = ImageEncoderViT(
        img_size=size, patch_size=16, embed_dim=width, depth=2, num_heads=2, mlp_ratio=4, out_chans=256,
        norm_layer=partial(nn.LayerNorm, eps=1e-6), qkv_bias=True, use_rel_pos=True, window_size=5,
        global_attn_indexes=global_blocks,
    )  # fmt: skip
    decoder = MaskDecoder(
        num_multimask_outputs=3, transformer_dim=256, iou_head_depth=3, iou_head_hidden_dim=256,
        transformer=TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
    )  # fmt: skip
    prompts = PromptEncoder(
        embed_dim=256,
        image_embedding_size=(size // 16, size // 16),
        input_image_size=(size, size),
        mask_in_chans=16,
    )
    model = Sam(encoder, prompts, decoder)
    for parameter in model.parameters():  # relative positions start at zero: give them something to say
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    return model.eval()


MOBILE_WIDTHS = (16, 16, 32, 320)
MOBILE_HEADS = (1, 2, 4, 5)
MOBILE_WINDOWS = (7, 7, 14, 7)


def mobile_sam_encoder_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of MobileSAM's image encoder with one block a stage."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, out: int, into: int, kernel: int) -> None:
        shapes[f"{name}.c.weight"] = (out, into, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{part}"] = (out,)
        shapes[f"{name}.bn.num_batches_tracked"] = ()

    def affine(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]

    conv("patch_embed.seq.0", MOBILE_WIDTHS[0] // 2, 3, 3)
    conv("patch_embed.seq.2", MOBILE_WIDTHS[0], MOBILE_WIDTHS[0] // 2, 3)
    for stage, width in enumerate(MOBILE_WIDTHS):
        block = f"layers.{stage}.blocks.0"
        if stage == 0:
            conv(f"{block}.conv1", 4 * width, width, 1)
            conv(f"{block}.conv2", 4 * width, 1, 3)
            conv(f"{block}.conv3", width, 4 * width, 1)
        else:
            shapes[f"{block}.attn.attention_biases"] = (MOBILE_HEADS[stage], MOBILE_WINDOWS[stage] ** 2)
            for name in ("attn.norm", "mlp.norm"):
                affine(f"{block}.{name}", width)
            affine(f"{block}.attn.qkv", 3 * width, width)
            affine(f"{block}.attn.proj", width, width)
            affine(f"{block}.mlp.fc1", 4 * width, width)
            affine(f"{block}.mlp.fc2", width, 4 * width)
            conv(f"{block}.local_conv", width, 1, 3)
        if stage < 3:
            following = MOBILE_WIDTHS[stage + 1]
            conv(f"layers.{stage}.downsample.conv1", following, width, 1)
            conv(f"layers.{stage}.downsample.conv2", following, 1, 3)
            conv(f"layers.{stage}.downsample.conv3", following, following, 1)
    affine("norm_head", MOBILE_WIDTHS[-1])
    affine("head", 1000, MOBILE_WIDTHS[-1])
    shapes["neck.0.weight"], shapes["neck.2.weight"] = (256, MOBILE_WIDTHS[-1], 1, 1), (256, 256, 3, 3)
    affine("neck.1", 256)
    affine("neck.3", 256)
    return shapes


def mobile_sam_state() -> dict[str, Tensor]:
    """A MobileSAM checkpoint of a narrow encoder, the same on every machine."""
    rng = np.random.default_rng(0)
    state = {}
    for name, shape in sorted(mobile_sam_encoder_shapes().items()):
        fan_in = max(1, int(np.prod(shape[1:])))
        values = rng.standard_normal(shape) / np.sqrt(fan_in)
        if name.endswith(("bn.weight", "running_var", "norm.weight", "neck.1.weight", "neck.3.weight")):
            values = 1 + 0.2 * np.abs(rng.standard_normal(shape))
        elif len(shape) <= 1:
            values = 0.2 * rng.standard_normal(shape)
        state[f"image_encoder.{name}"] = torch.tensor(values, dtype=torch.float32)
        if name.endswith("num_batches_tracked"):
            state[f"image_encoder.{name}"] = torch.tensor(0)
    rest = small_sam(size=1024, width=8, global_blocks=()).state_dict()
    state.update({name: value for name, value in rest.items() if not name.startswith("image_encoder.")})
    return state
