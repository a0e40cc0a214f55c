"""Small video models with random weights, in the layout in which the official ones are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SIDE = 64
"""Side in pixels of the images that the small models take."""
KINDS = ("sam2_video", "edgetam_video", "sam3_tracker_video")
_SIZES = [[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2]
_MEMORY = {
    "memory_attention_num_layers": 1, "memory_attention_feed_forward_hidden_size": 32,
    "memory_attention_rope_feat_sizes": [SIDE // 16] * 2, "memory_fuser_num_layers": 1,
    "memory_fuser_intermediate_dim": 32, "mask_decoder_config": {"mlp_dim": 32, "iou_head_hidden_dim": 16},
    "prompt_encoder_config": {"image_size": SIDE, "patch_size": 16},
}  # fmt: skip


def _sam2_vision() -> Any:
    from transformers import Sam2HieraDetConfig, Sam2VisionConfig

    trunk = Sam2HieraDetConfig(
        hidden_size=8, image_size=[SIDE, SIDE], blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2], window_size_per_stage=[8, 4, 4, 2], global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    return Sam2VisionConfig(backbone_config=trunk, backbone_channel_list=[64, 32, 16, 8], backbone_feature_sizes=_SIZES)


def _edgetam_vision() -> Any:
    from transformers import EdgeTamVisionConfig
    from transformers.models.timm_wrapper import TimmWrapperConfig

    trunk = TimmWrapperConfig(
        architecture="repvit_m1",
        model_args={
            "in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3], "embed_dim": [8, 16, 24, 32],
            "depth": [1, 1, 1, 1],
        },
    )  # fmt: skip
    return EdgeTamVisionConfig(
        backbone_config=trunk, backbone_channel_list=[32, 24, 16, 8], backbone_feature_sizes=_SIZES
    )


def _sam3_vision() -> dict[str, Any]:
    trunk = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": SIDE, "patch_size": 16, "pretrain_image_size": SIDE, "window_size": 2,
        "global_attn_indexes": [1],
    }  # fmt: skip
    return {
        "model_type": "sam3_vision_model", "backbone_config": {"model_type": "sam3_vit_model", **trunk},
        "backbone_feature_sizes": _SIZES, "fpn_hidden_size": 256,
    }  # fmt: skip


def small_video_model(kind: str, seed: int = 0) -> Any:
    """A video model as transformers builds it; what official weights give, random weights stand for."""
    import transformers

    torch.manual_seed(seed)
    if kind == "sam2_video":
        config = transformers.Sam2VideoConfig(vision_config=_sam2_vision(), image_size=SIDE, **_MEMORY)
        model = transformers.Sam2VideoModel(config)
    elif kind == "edgetam_video":
        config = transformers.EdgeTamVideoConfig(
            vision_config=_edgetam_vision(), image_size=SIDE, memory_attention_rope_k_sizes=[4, 4],
            perceiver_resampler_num_latents=16, perceiver_resampler_num_latents_2d=16,
            perceiver_resampler_mlp_intermediate_size=32, memory_attention_mlp_hidden_size=32,
            **{name: value for name, value in _MEMORY.items() if name != "memory_attention_feed_forward_hidden_size"},
        )  # fmt: skip
        model = transformers.EdgeTamVideoModel(config)
    else:
        config = transformers.Sam3TrackerVideoConfig(vision_config=_sam3_vision(), image_size=SIDE, **_MEMORY)
        model = transformers.Sam3TrackerVideoModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():  # what begins at zero would hide that it is not used
                parameter.normal_(std=0.1)
        # At random nearly everything would count as lost.
        model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(3.0)
    return model.eval()


def write_video_model(folder: Path, kind: str = "sam2_video", seed: int = 0) -> Path:
    """Writes a video model and its processor as `save_pretrained` does."""
    import transformers

    small_video_model(kind, seed).save_pretrained(folder)
    processor = transformers.Sam3ImageProcessor if kind.startswith("sam3") else transformers.Sam2ImageProcessor
    small = {"height": SIDE, "width": SIDE}
    processor(size=small, mask_size={"height": SIDE // 4, "width": SIDE // 4}).save_pretrained(folder)
    return folder
