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
