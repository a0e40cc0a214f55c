"""Segment Anything models built from the shapes in a checkpoint. Needs segment-anything."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
from segment_anything.modeling import Sam as SamModel
from torch import Tensor, nn

from saga.errors import SagaError
from saga.masks.models import tiny_vit
from saga.masks.models.files import OFFICIAL

_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)
_MODEL_TYPES = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}


def build_model(path: Path, state: dict[str, Tensor]) -> tuple[SamModel, str]:
    """Returns the model that a checkpoint is of, with its weights, ready to infer on the CPU, and its type.

    The type is "vit_h", "vit_l", "vit_b" or "vit_t" (MobileSAM), or "vit" for other widths. `path` only
    names the file in errors. Raises SagaError when the checkpoint is of no such model.
    """
    try:
        if tiny_vit.is_mobile_sam(state):
            encoder: Any = tiny_vit.TinyVitEncoder(*tiny_vit.sizes(state))
            state, model_type, grid = tiny_vit.translate(state), "vit_t", tiny_vit.IMAGE_SIZE // 16
        else:
            encoder, model_type, grid = _vit_encoder(state)
        model = _assemble(encoder, grid, state["image_encoder.neck.0.weight"].shape[0], int(encoder.img_size))
        # Assigning takes over the tensors that were read, so a model is never in memory twice.
        model.load_state_dict(state, assign=True)
    except (KeyError, RuntimeError, ValueError, IndexError, ZeroDivisionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:160]
        raise SagaError(
            f"{path}: not in the layout of a Segment Anything or MobileSAM checkpoint ({reason}); "
            f"expected e.g. {OFFICIAL['vit_b'].facts}"
        ) from error
    return _normalizing(model).float().requires_grad_(False).eval(), model_type


def random_layout(name: str) -> SamModel:
    """Returns the model of an official file's name with random weights."""
    if name != "mobile":
        return sam_model_registry[name]().requires_grad_(False).eval()
    model = _assemble(nn.Identity(), tiny_vit.IMAGE_SIZE // 16, tiny_vit.MOBILE_SAM[-1], tiny_vit.IMAGE_SIZE)
    model.to_empty(device="cpu")
    for values in (*model.parameters(), *model.buffers()):
        values.data.normal_(std=0.05)
    model.image_encoder = tiny_vit.TinyVitEncoder(*tiny_vit.MOBILE_SAM)
    return _normalizing(model).requires_grad_(False).eval()


def _normalizing(model: SamModel) -> SamModel:
    """Returns the model with the colors that its encoder was trained on, which are in no checkpoint."""
    model.pixel_mean = torch.tensor(_MEAN).view(-1, 1, 1)
    model.pixel_std = torch.tensor(_STD).view(-1, 1, 1)
    return model


def _vit_encoder(state: dict[str, Tensor]) -> tuple[nn.Module, str, int]:
    """Returns the ViT of a checkpoint, its type and the side of its feature grid; no memory is taken for weights."""
    prefix = "image_encoder."
    _, grid, _, width = state[prefix + "pos_embed"].shape
    patch = state[prefix + "patch_embed.proj.weight"].shape[-1]
    depth = len({key.split(".")[2] for key in state if key.startswith(prefix + "blocks.")})
    positions = [state[f"{prefix}blocks.{block}.attn.rel_pos_h"].shape for block in range(depth)]
    everywhere = 2 * grid - 1  # relative positions of a block that attends to the whole grid
    windows = {(count + 1) // 2 for count, _ in positions if count != everywhere}
    with torch.device("meta"):
        encoder = ImageEncoderViT(
            img_size=grid * patch,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=width // positions[0][1],
            mlp_ratio=state[prefix + "blocks.0.mlp.lin1.weight"].shape[0] / width,
            out_chans=state[prefix + "neck.0.weight"].shape[0],
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=max(windows, default=0),
            global_attn_indexes=tuple(i for i, (count, _) in enumerate(positions) if count == everywhere),
        )
    return encoder, _MODEL_TYPES.get(width, "vit"), grid


def _assemble(encoder: nn.Module, grid: int, channels: int, side: int) -> SamModel:
    with torch.device("meta"):
        transformer = TwoWayTransformer(depth=2, embedding_dim=channels, mlp_dim=2048, num_heads=8)
        return SamModel(
            image_encoder=encoder,
            prompt_encoder=PromptEncoder(
                embed_dim=channels,
                image_embedding_size=(grid, grid),
                input_image_size=(side, side),
                mask_in_chans=16,
            ),
            mask_decoder=MaskDecoder(
                num_multimask_outputs=3, transformer=transformer, transformer_dim=channels,
                iou_head_depth=3, iou_head_hidden_dim=256,
            ),
            pixel_mean=list(_MEAN),
            pixel_std=list(_STD),
        )  # fmt: skip
