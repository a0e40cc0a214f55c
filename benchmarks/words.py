"""What words cost on a CPU: looking at the objects of a scene once, words once for each model, and then a query.

    python benchmarks/words.py                       # a SigLIP 2 base model and a CLIP ViT-B/32 with random weights
    python benchmarks/words.py --models FOLDER ...   # models of yours

Times do not depend on the weights, so random ones serve; what is found with them means nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from saga.demo import make_scene
from saga.query import Segmentation
from saga.raster import DeviceScene
from saga.scene import Scene
from saga.words import ObjectFinder, TransformersTextImage
from saga.words.crops import crops_of, find_sights


def main() -> None:
    """Prints one line for the crops and one for each model."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--models", nargs="*", type=Path)
    options.add_argument("--gaussians", type=int, default=100_000)
    given = options.parse_args()
    made = make_scene(gaussians=given.gaussians)
    scene = DeviceScene(Scene(made.gaussians, made.cameras), "cpu")
    objects = [
        Segmentation(made.labels == label, np.ones(len(made.labels), np.float32), {"kind": "object"}, scene)
        for label in made.names.values()
    ]
    began = time.perf_counter()
    sights = find_sights(scene, [each.tensor.mask for each in objects], progress=False)
    found = time.perf_counter() - began
    began = time.perf_counter()
    count = sum(len(crops_of(scene, each.tensor.mask, seen, 224)) for each, seen in zip(objects, sights, strict=True))
    drawn = time.perf_counter() - began
    print(f"{len(objects)} objects, {len(made.cameras)} views: sights {found:.1f} s, {count} crops {drawn:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        for path in given.models or [_siglip2(Path(folder) / "siglip2"), _clip(Path(folder) / "clip")]:
            _measure(scene, objects, path)


def _measure(scene: DeviceScene, objects: list[Segmentation], path: Path) -> None:
    model = TransformersTextImage(path, "cpu")
    side, size = model.side, 9
    model.embed_images([np.zeros((side, side, 3), np.uint8)])
    began = time.perf_counter()
    model.embed_images([np.zeros((side, side, 3), np.uint8)] * size)
    crop = (time.perf_counter() - began) / size
    began = time.perf_counter()
    model.embed_texts([f"word {number}" for number in range(16)])
    text = (time.perf_counter() - began) / 16
    finder = ObjectFinder(scene, objects, model, progress=False)
    began = time.perf_counter()
    finder.rank("red mug")
    first = time.perf_counter() - began
    times = []
    for _ in range(5):
        began = time.perf_counter()
        finder.rank("red mug")
        times.append(time.perf_counter() - began)
    print(
        f"{path.name}: {crop:.2f} s a crop, {text:.2f} s a text, first query {first:.0f} s, "
        f"again {1000 * float(np.median(times)):.0f} ms"
    )


def _siglip2(folder: Path) -> Path:
    from transformers import Siglip2Tokenizer, SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *(chr(code) for code in range(33, 127))]
    tokenizer = Siglip2Tokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=[])
    config = SiglipConfig(
        text_config={"vocab_size": 256_000, "max_position_embeddings": 64},
        vision_config={"image_size": 224, "patch_size": 16},
    )
    SiglipProcessor(SiglipImageProcessor(), tokenizer).save_pretrained(folder)
    return _saved(SiglipModel(config), folder)


def _clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    tokenizer = CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=[])
    CLIPProcessor(CLIPImageProcessor(), tokenizer).save_pretrained(folder)
    return _saved(CLIPModel(CLIPConfig(text_config={"bos_token_id": 0, "eos_token_id": 1})), folder)


def _saved(model: torch.nn.Module, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
