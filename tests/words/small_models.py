"""Models of transformers in the layout of their hub pages, with random weights, small enough to run in a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

WORDS = ("a", "photo", "of", "this", "is", "red", "blue", "yellow", "mug", "plate", "lamp", "duck", "ball", "apple")
_SIDE = 32


def write_clip(folder: Path, seed: int = 0) -> Path:
    """CLIP as openai/clip-vit-base-patch32 has it: two transformers, byte pairs, square crops."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    tokenizer = clip_tokenizer(folder, 77)
    torch.manual_seed(seed)
    config = CLIPConfig(
        text_config=_tower(vocab_size=len(tokenizer), max_position_embeddings=77, **_ends(tokenizer)),
        vision_config=_tower(image_size=_SIDE, patch_size=8),
        projection_dim=16,
    )
    size = {"shortest_edge": _SIDE}
    images = CLIPImageProcessor(size=size, crop_size={"height": _SIDE, "width": _SIDE})
    CLIPProcessor(images, tokenizer).save_pretrained(folder)
    CLIPModel(config).save_pretrained(folder)
    return folder


def write_siglip(folder: Path, seed: int = 0) -> Path:
    """SigLIP 2 of fixed size, as google/siglip2-base-patch16-224 has it: SigLIP's model with Gemma's tokenizer."""
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    tokenizer = gemma_tokenizer()
    torch.manual_seed(seed)
    config = SiglipConfig(
        text_config=_tower(vocab_size=len(tokenizer), max_position_embeddings=64, projection_size=32),
        vision_config=_tower(image_size=_SIDE, patch_size=8),
    )
    model = SiglipModel(config)
    model.logit_scale.data.fill_(4.7)
    model.logit_bias.data.fill_(-16.0)
    SiglipProcessor(SiglipImageProcessor(size={"height": _SIDE, "width": _SIDE}), tokenizer).save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def write_siglip2(folder: Path, seed: int = 0) -> Path:
    """SigLIP 2 of any size, as google/siglip2-base-patch16-naflex has it: patches in their picture's proportions."""
    from transformers import Siglip2Config, Siglip2ImageProcessor, Siglip2Model, Siglip2Processor

    tokenizer = gemma_tokenizer()
    torch.manual_seed(seed)
    config = Siglip2Config(
        text_config=_tower(vocab_size=len(tokenizer), max_position_embeddings=64, projection_size=32),
        vision_config=_tower(patch_size=16, num_patches=256),
    )
    model = Siglip2Model(config)
    model.logit_scale.data.fill_(4.7)
    Siglip2Processor(Siglip2ImageProcessor(patch_size=16, max_num_patches=64), tokenizer).save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def clip_tokenizer(folder: Path, length: int) -> Any:
    """A tokenizer of CLIP's kind that knows letters and some words."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    vocabulary, merges = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{each}</w>" for each in letters)], []
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merged = parts[0] + parts[1]
            if (pair := f"{parts[0]} {parts[1]}") not in merges:
                merges.append(pair)
            if merged not in vocabulary:
                vocabulary.append(merged)
            parts = [merged, *parts[2:]]
    return CLIPTokenizer(
        vocab={t: i for i, t in enumerate(vocabulary)},
        merges=[tuple(m.split()) for m in merges],
        model_max_length=length,
    )


def gemma_tokenizer() -> Any:
    """A tokenizer of SigLIP 2's kind that knows letters."""
    from transformers import Siglip2Tokenizer

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *(chr(code) for code in range(33, 127))]
    return Siglip2Tokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=[], padding_side="right")


def change_weights(folder: Path) -> None:
    """Gives a model other weights, as another version of it has."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file({name: value + 0.05 * torch.ones_like(value) for name, value in tensors.items()}, path, {"format": "pt"})


def set_model_type(folder: Path, kind: str) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": kind}))


def _tower(**more: Any) -> dict[str, Any]:
    return {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, **more}


def _ends(tokenizer: Any) -> dict[str, int]:
    return {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 1}


def write_sam3(folder: Path, seed: int = 0) -> Path:
    """SAM 3's image part, as Sam3Model saves it."""
    from transformers import Sam3Config, Sam3ImageProcessor, Sam3Model, Sam3Processor

    tokenizer = clip_tokenizer(folder, 32)
    torch.manual_seed(seed)
    narrow = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 48}
    config = Sam3Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam3_vit_model", **narrow, "num_hidden_layers": 2,
                "image_size": 56, "pretrain_image_size": 56, "patch_size": 14,
                "window_size": 2, "global_attn_indexes": [1],
            },
            "fpn_hidden_size": 32,
        },
        text_config=_tower(
            vocab_size=len(tokenizer), max_position_embeddings=32, projection_dim=16, **_ends(tokenizer)
        ),
        geometry_encoder_config={**narrow, "num_layers": 1},
        detr_encoder_config={**narrow, "num_layers": 1},
        detr_decoder_config={**narrow, "num_layers": 1, "num_queries": 8},
        mask_decoder_config={**narrow, "num_upsampling_stages": 3},
    )  # fmt: skip
    size = {"height": 56, "width": 56}
    Sam3Processor(Sam3ImageProcessor(size=size, mask_size=size), tokenizer).save_pretrained(folder)
    Sam3Model(config).save_pretrained(folder)
    return folder


def write_grounding_dino(folder: Path, seed: int = 0) -> Path:
    """Grounding DINO as IDEA-Research/grounding-dino-tiny has it: a Swin backbone, BERT, a deformable DETR."""
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    tokenizer = bert_tokenizer()
    torch.manual_seed(seed)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=4,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=BertConfig(vocab_size=len(tokenizer), **_tower()),
        d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, num_queries=10, encoder_n_points=2, decoder_n_points=2,
        max_text_len=32,
    )  # fmt: skip
    images = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    return folder


def bert_tokenizer() -> Any:
    """A tokenizer of BERT's kind that knows letters and some words."""
    from transformers import BertTokenizer

    letters = [chr(code) for code in range(33, 127)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{each}" for each in letters)]
    tokens += [word for word in WORDS if word not in tokens]
    return BertTokenizer(vocab={token: index for index, token in enumerate(tokens)})
