"""SigLIP 2, SigLIP and CLIP by transformers: embeddings of crops and words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks.models.folders import model_type
from saga.runtime.device import choose_device
from saga.words.loading import folder_digest, loading

KINDS = ("siglip2", "siglip", "clip", "metaclip_2")
"""Values of "model_type" in config.json that this adapter serves."""
_BATCH = 16
_SIDE = 224
"""Side of crops for a model that takes any size."""


class TransformersTextImage:
    """A two-tower model in a folder, as `save_pretrained` writes it and a hub page has it.

    Written against transformers 5.24. Weights are read when the first picture or text needs them, so that what was
    embedded before costs no loading.
    """

    def __init__(
        self, folder: str | Path, device: str = "auto", dtype: torch.dtype | None = None, name: str | None = None
    ) -> None:
        """Takes the folder; reads its config only.

        Args:
            folder: with config.json, the weights, and the files of processor and tokenizer.
            device: "auto", "cpu" or "cuda".
            dtype: what the model computes in; float32 on a CPU and float16 on a GPU by default.
            name: what people call it; the folder's name by default.

        Raises:
            SagaError: the folder holds no model of one of `KINDS`.
        """
        self.folder = Path(folder)
        self.name = name or self.folder.name
        self.kind = model_type(self.folder)
        if self.kind not in KINDS:
            raise SagaError(
                f"{self.folder}: expected a text-image model ({', '.join(KINDS)}), found {self.kind!r}; give another."
            )
        self.device = torch.device(choose_device(device))
        self.dtype = dtype or (torch.float16 if self.device.type == "cuda" else torch.float32)

    @cached_property
    def identity(self) -> str:
        """As in TextImageModel; the type of numbers counts too."""
        return f"{self.kind}-{folder_digest(self.folder)[:24]}-{str(self.dtype).removeprefix('torch.')}"

    @cached_property
    def scale(self) -> float:
        """As in TextImageModel."""
        return float(self._model.logit_scale.detach().float().exp())

    @cached_property
    def side(self) -> int:
        """As in TextImageModel."""
        return int(getattr(self._model.config.vision_config, "image_size", None) or _SIDE)

    def load(self) -> None:
        """Reads from disk all that it needs, which otherwise is read when it is first asked."""
        _ = self.identity, self._model, self._processor

    @cached_property
    def _model(self) -> Any:
        with loading(self.folder) as transformers:
            model = transformers.AutoModel.from_pretrained(self.folder, local_files_only=True, dtype=self.dtype)
            return model.to(self.device).eval()

    @cached_property
    def _processor(self) -> Any:
        with loading(self.folder) as transformers:
            return transformers.AutoProcessor.from_pretrained(self.folder, local_files_only=True)

    def embed_images(
        self,
        pictures: Sequence[np.ndarray],  # each [H, W, 3] uint8
    ) -> np.ndarray:  # [K, D]
        """As in TextImageModel."""
        rows = []
        for start in range(0, len(pictures), _BATCH):
            some = list(pictures[start : start + _BATCH])
            inputs = self._processor(images=some, return_tensors="pt")
            rows.append(self._features(self._model.get_image_features, inputs))
        return _joined(rows)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:  # [K, D]
        """As in TextImageModel; the models were trained on texts in lower case."""
        rows = []
        for start in range(0, len(texts), _BATCH):
            some = [text.lower() for text in texts[start : start + _BATCH]]
            length = self._model.config.text_config.max_position_embeddings
            # SigLIP was trained with texts filled up to their full length, and has no attention mask for that reason.
            filled = "longest" if self.kind in ("clip", "metaclip_2") else "max_length"
            inputs = self._processor(text=some, padding=filled, truncation=True, max_length=length, return_tensors="pt")
            if filled == "max_length":
                inputs.pop("attention_mask", None)
            rows.append(self._features(self._model.get_text_features, inputs))
        return _joined(rows)

    def _features(self, tower: Any, inputs: Any) -> Tensor:  # [K, D]
        moved = {
            name: value.to(self.device, self.dtype if value.is_floating_point() else value.dtype)
            for name, value in inputs.items()
        }
        with torch.inference_mode():
            answer = tower(**moved)
        features = getattr(answer, "pooler_output", answer)  # a tensor before transformers 5
        return torch.nn.functional.normalize(features.float(), dim=-1).cpu()


def _joined(rows: list[Tensor]) -> np.ndarray:  # [K, D]
    return np.zeros((0, 0), np.float32) if not rows else np.asarray(torch.cat(rows))
