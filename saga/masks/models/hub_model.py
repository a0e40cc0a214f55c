"""Mask-generation models of transformers: SAM, SAM-HQ, SAM 2 and 2.1, the tracker of SAM 3, and EdgeTAM.

Written against transformers 5.24. The library reads the folder, builds the model and enlarges its masks; what is done
with masks is the toolkit's own and the same for all models (`saga.masks.models.automatic`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from transformers import AutoConfig, AutoImageProcessor, AutoModelForMaskGeneration

from saga.errors import SagaError
from saga.files.reading import reading
from saga.masks.config import SamConfig
from saga.masks.models.folders import model_type
from saga.masks.models.hub_decoder import share_image
from saga.masks.models.model import Encoded, MaskModel, Prompts
from saga.masks.models.quiet import quiet

FAMILIES = {
    "sam": "SAM", "sam_hq": "SAM-HQ", "sam2": "SAM 2", "sam2_video": "SAM 2", "sam3_tracker": "SAM 3",
    "sam3_video": "SAM 3", "edgetam": "EdgeTAM", "edgetam_video": "EdgeTAM",
}  # fmt: skip
"""The kinds of models that the adapter was written for, by the `model_type` in their config.json."""
_PADDED = ("sam", "sam_hq")
"""Families that fit the long side of an image and pad; the others stretch it to a square."""


class HubModel(MaskModel):
    """A model of transformers."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        kind: str,
        device: torch.device,
        config: SamConfig,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Wraps a model and its image processor; `kind` is one of FAMILIES."""
        super().__init__(kind, device, config, dtype)
        self.model = model.eval().requires_grad_(False).to(device)
        share_image(self.model, kind)
        self.processor = processor
        self.padded = kind in _PADDED
        self.decodes_features = kind == "sam"

    @classmethod
    def load(
        cls, folder: Path, device: torch.device, config: SamConfig, dtype: torch.dtype = torch.float32
    ) -> HubModel:
        """Loads a folder in the layout of `save_pretrained`; nothing is downloaded and no code of others is run.

        Raises:
            SagaError: the folder is of another kind of model, of a version that is not known, or damaged.
        """
        kind = model_type(folder)
        if kind not in FAMILIES:
            raise SagaError(
                f"{folder}: expected a model of masks ({', '.join(FAMILIES)}), found {kind}; give one of those."
            )
        with quiet(transformers), reading(folder, f"a model of the kind {kind}", "download the whole folder again"):
            settings = AutoConfig.from_pretrained(folder, local_files_only=True)
            model, info = AutoModelForMaskGeneration.from_pretrained(
                folder, config=settings, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
            processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
            lost = sorted(info["missing_keys"])
            if lost:
                raise ValueError(f"no weights for {len(lost)} of its parts, the first {lost[0]}")
        return cls(model, processor, kind, device, config, dtype)

    @property
    def input_side(self) -> int:
        """As in MaskModel."""
        size = self.processor.size
        return int(size["longest_edge"] if self.padded else size["height"])

    @property
    def mask_side(self) -> int:
        """As in MaskModel."""
        grid = self.model.prompt_encoder.image_embedding_size
        return 4 * int(grid[0])

    def _encode(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> Encoded:
        taken = self.processor(images=np.array(image), return_tensors="pt", input_data_format="channels_last")
        pixels = taken["pixel_values"].to(self.device)
        with self._mixed():
            made = self.model.get_image_embeddings(pixels)
        inside = tuple(int(length) for length in pixels.shape[-2:])
        if "reshaped_input_sizes" in taken:
            inside = tuple(int(length) for length in taken["reshaped_input_sizes"][0])
        return Encoded((image.shape[0], image.shape[1]), (inside[0], inside[1]), self._in_order(made))

    def _decode(self, encoded: Encoded, prompts: Prompts) -> tuple[Tensor, Tensor]:  # [B, 3, h, w], [B, 3]
        given: dict[str, Any] = {}
        if prompts.points is not None and prompts.labels is not None:
            given |= {"input_points": prompts.points[None], "input_labels": prompts.labels[None]}
        if prompts.boxes is not None:
            given["input_boxes"] = prompts.boxes[None]
        if prompts.masks is not None:
            given["input_masks"] = prompts.masks
        made = self.model(**given, **self._embeddings(encoded), multimask_output=True)
        return made.pred_masks[0].float(), made.iou_scores[0].float()

    def _enlarge(
        self,
        logits: Tensor,  # [K, h, w]
        encoded: Encoded,
    ) -> Tensor:  # [K, H, W]
        sizes = {"reshaped_input_sizes": [encoded.inside]} if self.padded else {}
        found: Tensor = self.processor.post_process_masks(
            [logits[:, None]], original_sizes=[encoded.size], binarize=False, **sizes
        )[0]
        return found[:, 0]

    def _in_order(self, made: Any) -> list[Tensor]:
        """Returns embeddings as `Encoded` has them, the deciding map first, in float32."""
        if self.model_type == "sam_hq":  # the map, and what the blocks with global attention made on the way
            parts = [made[0], *made[1]]
        elif isinstance(made, Tensor):
            parts = [made]
        else:  # the finest map comes first
            parts = list(reversed(made))
        return [part.float() for part in parts]

    def _embeddings(self, encoded: Encoded) -> dict[str, Any]:
        """Returns embeddings as the model takes them."""
        first, *others = encoded.embeddings
        if self.model_type == "sam_hq":
            return {"image_embeddings": first, "intermediate_embeddings": others}
        if not self.padded:
            return {"image_embeddings": [*reversed(others), first]}
        return {"image_embeddings": first}
