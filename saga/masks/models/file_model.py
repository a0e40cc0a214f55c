"""Checkpoints of Segment Anything and MobileSAM as their authors publish them, through segment-anything."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor

from saga.masks.config import SamConfig
from saga.masks.models.checkpoint import load_state_dict
from saga.masks.models.file_decoder import FileDecoder
from saga.masks.models.file_layout import build_model
from saga.masks.models.model import Encoded, MaskModel, Prompts


class FileModel(MaskModel):
    """A model of one checkpoint file, which computes what segment-anything's predictor does."""

    decodes_features = True

    def __init__(
        self,
        model: Sam,
        model_type: str,
        device: torch.device,
        config: SamConfig,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Wraps a model of segment-anything."""
        super().__init__(model_type, device, config, dtype)
        self.model = model.to(device)
        self._resize = ResizeLongestSide(model.image_encoder.img_size)
        self._decoder = FileDecoder(self.model)

    @classmethod
    def load(cls, path: Path, device: torch.device, config: SamConfig, dtype: torch.dtype = torch.float32) -> FileModel:
        """Loads a checkpoint; what model it is follows from its tensors.

        Raises:
            SagaError: the file is truncated, or of no such model.
        """
        model, model_type = build_model(path, load_state_dict(path))
        return cls(model, model_type, device, config, dtype)

    @property
    def input_side(self) -> int:
        """As in MaskModel."""
        return int(self.model.image_encoder.img_size)

    @property
    def mask_side(self) -> int:
        """As in MaskModel."""
        return int(self.model.prompt_encoder.mask_input_size[0])

    def _encode(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> Encoded:
        resized = torch.as_tensor(self._resize.apply_image(image), device=self.device)
        square = self.model.preprocess(resized.permute(2, 0, 1)[None])
        with self._mixed():
            features = self.model.image_encoder(square)
        return Encoded((image.shape[0], image.shape[1]), (resized.shape[0], resized.shape[1]), [features.float()])

    def _decode(self, encoded: Encoded, prompts: Prompts) -> tuple[Tensor, Tensor]:  # [B, 3, h, w], [B, 3]
        if prompts.masks is None:
            return self._decode_rated(encoded, prompts, -math.inf)
        points = None if prompts.points is None else (prompts.points, prompts.labels)
        sparse, dense = self.model.prompt_encoder(points=points, boxes=prompts.boxes, masks=prompts.masks)
        logits, ratings = self.model.mask_decoder(
            image_embeddings=encoded.embeddings[0],
            image_pe=self.model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return logits, ratings

    def _decode_rated(
        self, encoded: Encoded, prompts: Prompts, above: float
    ) -> tuple[Tensor, Tensor]:  # [K, 3, h, w], [K, 3]
        points = None if prompts.points is None else (prompts.points, prompts.labels)
        sparse, _ = self.model.prompt_encoder(points=points, boxes=prompts.boxes, masks=None)
        return self._decoder(encoded.embeddings[0], sparse, above)

    def _enlarge(
        self,
        logits: Tensor,  # [K, h, w]
        encoded: Encoded,
    ) -> Tensor:  # [K, H, W]
        found: Tensor = self.model.postprocess_masks(logits[:, None], encoded.inside, encoded.size)
        return found[:, 0]
