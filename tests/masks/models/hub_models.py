"""The mask models of transformers with random weights, small enough to run, in folders of the official layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

SIDE = 64
"""Side of the images that the small models take."""
KINDS = ("sam", "sam_hq", "sam2", "sam2_video", "sam3_tracker", "sam3_video", "edgetam")


def _sam_config(kind: type) -> Any:
    vision = {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 32, "image_size": SIDE,
        "patch_size": 8, "window_size": 3, "global_attn_indexes": [1], "output_channels": 256, "initializer_range": 0.1,
    }  # fmt: skip
    prompts = {"image_size": SIDE, "patch_size": 8, "image_embedding_size": SIDE // 8}
    decoder = {"mlp_dim": 32} | ({"vit_dim": 16} if "HQ" in kind.__name__ else {})
    return kind(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)


SIZES = [[16, 16], [8, 8], [4, 4]]
"""Cells of the maps that encoders of SAM 2's kind make, finest first."""
_PROMPTS = {"image_size": SIDE, "patch_size": 16}
_DECODER = {"mlp_dim": 32}


def sam2_vision() -> Any:
    """The encoder of SAM 2."""
    from transformers import Sam2HieraDetConfig, Sam2VisionConfig

    trunk = Sam2HieraDetConfig(
        hidden_size=8, image_size=[SIDE, SIDE], blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2], window_size_per_stage=[8, 4, 4, 2], global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    return Sam2VisionConfig(backbone_config=trunk, backbone_channel_list=[64, 32, 16, 8], backbone_feature_sizes=SIZES)


def _sam2_config(kind: type) -> Any:
    more = {"image_size": SIDE} if "Video" in kind.__name__ else {}
    return kind(vision_config=sam2_vision(), prompt_encoder_config=_PROMPTS, mask_decoder_config=_DECODER, **more)


def sam3_vision() -> dict[str, Any]:
    """The encoder of SAM 3."""
    trunk = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": SIDE, "patch_size": 16, "pretrain_image_size": SIDE, "window_size": 2,
        "global_attn_indexes": [1],
    }  # fmt: skip
    return {
        "model_type": "sam3_vision_model", "backbone_config": {"model_type": "sam3_vit_model", **trunk},
        "backbone_feature_sizes": SIZES, "fpn_hidden_size": 256,
    }  # fmt: skip


def _sam3_config() -> Any:
    from transformers import Sam3TrackerConfig

    return Sam3TrackerConfig(vision_config=sam3_vision(), prompt_encoder_config=_PROMPTS, mask_decoder_config=_DECODER)


def _sam3_video_config() -> Any:
    """The whole of SAM 3, as the hub has it: a detector by words and a tracker, of which only a part makes masks."""
    from transformers import Sam3Config, Sam3TrackerVideoConfig, Sam3VideoConfig

    small = {"num_layers": 1, "intermediate_size": 32}
    text = {
        "model_type": "clip_text_model", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "projection_dim": 16, "vocab_size": 64, "max_position_embeddings": 8,
    }  # fmt: skip
    detector = Sam3Config(
        vision_config=sam3_vision(), text_config=text, geometry_encoder_config=small, detr_encoder_config=small,
        detr_decoder_config={**small, "num_queries": 4},
    )  # fmt: skip
    tracker = Sam3TrackerVideoConfig(
        vision_config=sam3_vision(), prompt_encoder_config=_PROMPTS, mask_decoder_config=_DECODER,
        memory_attention_num_layers=1, memory_attention_feed_forward_hidden_size=32, memory_fuser_num_layers=1,
        memory_attention_rope_feat_sizes=[4, 4], image_size=SIDE,
    )  # fmt: skip
    return Sam3VideoConfig(detector_config=detector, tracker_config=tracker)


def edgetam_vision() -> Any:
    """The encoder of EdgeTAM."""
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
        backbone_config=trunk, backbone_channel_list=[32, 24, 16, 8], backbone_feature_sizes=SIZES
    )


def _edgetam_config() -> Any:
    from transformers import EdgeTamConfig

    return EdgeTamConfig(vision_config=edgetam_vision(), prompt_encoder_config=_PROMPTS, mask_decoder_config=_DECODER)


def small_model(kind: str, seed: int = 0) -> Any:
    """A model of one of KINDS as transformers builds it."""
    import transformers

    torch.manual_seed(seed)
    if kind in ("sam", "sam_hq"):
        config = _sam_config(transformers.SamConfig if kind == "sam" else transformers.SamHQConfig)
        model = (transformers.SamModel if kind == "sam" else transformers.SamHQModel)(config)
    elif kind == "sam2":
        model = transformers.Sam2Model(_sam2_config(transformers.Sam2Config))
    elif kind == "sam2_video":
        model = transformers.Sam2VideoModel(_sam2_config(transformers.Sam2VideoConfig))
    elif kind == "sam3_tracker":
        model = transformers.Sam3TrackerModel(_sam3_config())
    elif kind == "sam3_video":
        model = transformers.Sam3VideoModel(_sam3_video_config())
    else:
        model = transformers.EdgeTamModel(_edgetam_config())
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():  # many start at zero: give them something to say
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05, generator=generator)
    return model.eval()


def small_processor(kind: str) -> Any:
    """The image processor of such a model."""
    import transformers

    if kind in ("sam", "sam_hq"):
        return transformers.SamImageProcessor(
            size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE},
            mask_size={"longest_edge": SIDE // 2}, mask_pad_size={"height": SIDE // 2, "width": SIDE // 2},
        )  # fmt: skip
    square = {"height": SIDE, "width": SIDE}
    name = "Sam3ImageProcessor" if kind.startswith("sam3") else "Sam2ImageProcessor"
    return getattr(transformers, name)(size=square, mask_size={"height": SIDE // 4, "width": SIDE // 4})


def small_folder(kind: str, folder: Path, seed: int = 0) -> Path:
    """Writes such a model as its authors publish theirs."""
    model = small_model(kind, seed)
    model.save_pretrained(folder)
    if kind == "sam3_video":  # the library saves this one under names that it does not read again
        save_file(
            {name: value.contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors"
        )
    small_processor(kind).save_pretrained(folder)
    return folder
