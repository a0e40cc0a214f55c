"""Small video models with random weights, in the layout in which the official ones are published."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from hub_models import SIDE, edgetam_vision, sam2_vision, sam3_vision, small_processor  # noqa: E402

KINDS = ("sam2_video", "edgetam_video", "sam3_tracker_video")
_MEMORY = {
    "memory_attention_num_layers": 1, "memory_attention_feed_forward_hidden_size": 32,
    "memory_attention_rope_feat_sizes": [SIDE // 16] * 2, "memory_fuser_num_layers": 1,
    "memory_fuser_intermediate_dim": 32, "mask_decoder_config": {"mlp_dim": 32, "iou_head_hidden_dim": 16},
    "prompt_encoder_config": {"image_size": SIDE, "patch_size": 16},
}  # fmt: skip


def small_video_model(kind: str, seed: int = 0) -> Any:
    """A video model as transformers builds it; what official weights give, random weights stand for."""
    import transformers

    torch.manual_seed(seed)
    if kind == "sam2_video":
        config = transformers.Sam2VideoConfig(vision_config=sam2_vision(), image_size=SIDE, **_MEMORY)
        model = transformers.Sam2VideoModel(config)
    elif kind == "edgetam_video":
        config = transformers.EdgeTamVideoConfig(
            vision_config=edgetam_vision(), image_size=SIDE, memory_attention_rope_k_sizes=[4, 4],
            perceiver_resampler_num_latents=16, perceiver_resampler_num_latents_2d=16,
            perceiver_resampler_mlp_intermediate_size=32, memory_attention_mlp_hidden_size=32,
            **{name: value for name, value in _MEMORY.items() if name != "memory_attention_feed_forward_hidden_size"},
        )  # fmt: skip
        model = transformers.EdgeTamVideoModel(config)
    else:
        config = transformers.Sam3TrackerVideoConfig(vision_config=sam3_vision(), image_size=SIDE, **_MEMORY)
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
    small_video_model(kind, seed).save_pretrained(folder)
    small_processor(kind).save_pretrained(folder)
    return folder
