"""The full-size architectures of the known models with random weights: what a model costs, before it is downloaded.

Their masks mean nothing. The settings are those of the official configurations that transformers 5.24 documents.
"""

from __future__ import annotations

from typing import Any

import torch

from saga.errors import SagaError
from saga.masks.config import SamConfig
from saga.masks.models.model import MaskModel
from saga.masks.models.registry import MODELS

_VITS: dict[str, dict[str, Any]] = {
    "base": {"hidden_size": 768},
    "large": {
        "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "mlp_dim": 4096,
        "global_attn_indexes": [5, 11, 17, 23],
    },
    "huge": {
        "hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "mlp_dim": 5120,
        "global_attn_indexes": [7, 15, 23, 31],
    },
}  # fmt: skip
_HIERAS: dict[str, dict[str, Any]] = {
    "tiny": {},
    "small": {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    "base-plus": {
        "hidden_size": 112, "embed_dim_per_stage": [112, 224, 448, 896], "num_attention_heads": 2,
        "num_attention_heads_per_stage": [2, 4, 8, 16], "blocks_per_stage": [2, 3, 16, 3],
        "global_attention_blocks": [12, 16, 20], "window_positional_embedding_background_size": [14, 14],
    },
    "large": {
        "hidden_size": 144, "embed_dim_per_stage": [144, 288, 576, 1152], "num_attention_heads": 2,
        "num_attention_heads_per_stage": [2, 4, 8, 16], "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43], "window_size_per_stage": [8, 4, 16, 8],
    },
}  # fmt: skip


def random_model(name: str, device: torch.device, config: SamConfig) -> MaskModel:
    """Returns the architecture of a known model of masks with random weights.

    Args:
        name: a short name of the registry.
        device: where it is to run.
        config: how automatic masks are made.

    Raises:
        SagaError: no model of masks has this name, or the package that builds it is not installed.
    """
    known = MODELS.get(name)
    if known is None or known.task != "masks":
        raise SagaError(f"{name}: expected the short name of a mask model, found another; give one of {list(MODELS)}.")
    try:
        if known.is_file:
            from saga.masks.models.file_layout import random_layout
            from saga.masks.models.file_model import FileModel

            return FileModel(random_layout(known.source), known.source, device, config)
        from saga.masks.models.hub_model import HubModel

        kind, model, processor = _of_hub(known.source)
        return HubModel(model, processor, kind, device, config)
    except ImportError as error:
        raise SagaError(
            f'{name}: expected the package {error.name}, found none; pip install "saga-splat[sam]".'
        ) from error


def _of_hub(source: str) -> tuple[str, Any, Any]:
    """Returns the kind, the model and the image processor of a repository of the hub."""
    import transformers

    library: Any = transformers  # its configurations have arguments that their types do not tell
    last = source.split("/")[1]
    if last.startswith(("sam-vit-", "sam-hq-vit-")):
        size = _VITS[last.rsplit("-", 1)[1]]
        if "hq" not in last:
            return "sam", library.SamModel(library.SamConfig(vision_config=size)), library.SamImageProcessor()
        settings = library.SamHQConfig(vision_config=size, mask_decoder_config={"vit_dim": size["hidden_size"]})
        return "sam_hq", library.SamHQModel(settings), library.SamImageProcessor()
    if last.startswith("sam2.1-hiera-"):
        trunk = library.Sam2HieraDetConfig(**_HIERAS[last.removeprefix("sam2.1-hiera-")])
        channels = trunk.embed_dim_per_stage[::-1]
        vision = library.Sam2VisionConfig(backbone_config=trunk, backbone_channel_list=channels)
        return "sam2", library.Sam2Model(library.Sam2Config(vision_config=vision)), library.Sam2ImageProcessor()
    if last == "sam3":
        return "sam3_tracker", library.Sam3TrackerModel(library.Sam3TrackerConfig()), library.Sam3ImageProcessor()
    trunk = library.TimmWrapperConfig(
        architecture="repvit_m1", model_args={"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    )
    settings = library.EdgeTamConfig(vision_config=library.EdgeTamVisionConfig(backbone_config=trunk))
    return "edgetam", library.EdgeTamModel(settings), library.Sam2ImageProcessor()
