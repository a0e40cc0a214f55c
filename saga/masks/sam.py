"""Segment Anything: encoder features, automatic masks and prompted masks from the official checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from saga.errors import SagaError
from saga.masks.config import SamConfig
from saga.masks.models.checkpoint import checkpoint_digest, load_state_dict
from saga.masks.models.resolve import resolve_model
from saga.masks.rules import SAM_FEATURE_CHANNELS, SAM_FEATURE_SIDE
from saga.scene.resizing import resize

if TYPE_CHECKING:
    from saga.masks.sam_model import EncodeOncePredictor

_CERTAIN = 1e-3
"""Probability that a mask prompt leaves for the other answer."""

_Result = TypeVar("_Result")


class Sam:
    """A Segment Anything model. The image seen last stays encoded, so prompting it again is cheap."""

    def __init__(self, predictor: EncodeOncePredictor, model_type: str, config: SamConfig) -> None:
        """Wraps a loaded predictor; `load` makes one from a checkpoint."""
        self._predictor = predictor
        self.model_type = model_type
        """ "vit_h", "vit_l", "vit_b", or "vit_t" for MobileSAM."""
        self.config = config

    @classmethod
    def load(cls, checkpoint: str | Path, device: str = "auto", config: SamConfig | None = None) -> Sam:
        """Load a checkpoint: the path of an official or MobileSAM file, or "vit_h", "vit_l" or "vit_b".

        What model it is follows from its tensors. `device` is "auto", "cpu" or a CUDA device. Raises
        SagaError when segment-anything is not installed, or the checkpoint is missing, truncated or no SAM's.
        """
        try:
            from saga.masks.sam_model import EncodeOncePredictor, build_model
        except ImportError as error:
            raise SagaError(
                f'SAM: expected the package segment-anything, found none ({error}); pip install "saga-splat[sam]".'
            ) from error
        path = resolve_model(checkpoint).path
        model, model_type = build_model(path, load_state_dict(path))
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(EncodeOncePredictor(model.to(device)), model_type, config or SamConfig())

    def features(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> np.ndarray:  # [256, 64, 64]
        """Returns the encoder's features of a uint8 RGB image, float16 [256, 64, 64].

        The grid covers a square of the image's long side; the image lies at its top left.
        """
        self._run(lambda: self._predictor.set_image(image))
        features: np.ndarray = self._predictor.get_image_embedding()[0].half().cpu().numpy()
        return features

    def automatic_masks(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> np.ndarray:  # [M, H, W]
        """Returns masks of everything in a uint8 RGB image, bool [M, H, W], larger first; M may be 0."""
        from segment_anything import SamAutomaticMaskGenerator

        generator = SamAutomaticMaskGenerator(self._predictor.model, **asdict(self.config))
        generator.predictor = self._predictor
        records = self._run(lambda: generator.generate(image))
        records.sort(key=lambda record: record["area"], reverse=True)
        masks = np.zeros((len(records), *image.shape[:2]), dtype=bool)
        for mask, record in zip(masks, records, strict=True):
            mask[:] = record["segmentation"]
        return masks

    def predict(
        self,
        image_or_features: np.ndarray,  # uint8 [H, W, 3] or float16 [256, 64, 64]
        points: np.ndarray | None = None,  # [K, 2]
        labels: np.ndarray | None = None,  # [K]
        box: np.ndarray | None = None,  # [4]
        mask: np.ndarray | None = None,  # [H, W]
        size: tuple[int, int] | None = None,
    ) -> np.ndarray:  # [H, W]
        """Returns the mask bool [H, W] that the model rates best of the three it offers for a prompt.

        `points` are (x, y) in pixels with `labels` 1 (inside, the default) or 0 (outside); `box` is
        x0, y0, x1, y1; `mask` is a rough bool mask [H, W], whose box counts too when it is the only prompt.
        With features instead of an image, `size` is the image's (height, width).
        """
        if points is None and box is None and mask is None:
            raise ValueError("give points, a box or a mask")
        self._set(image_or_features, size)
        if points is not None:
            points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
            labels = np.ones(len(points)) if labels is None else np.asarray(labels)
        low = None
        if mask is not None:
            if points is None and box is None:
                box = _box_around(mask)
            low = self._mask_prompt(mask)
        masks, ratings, _ = self._run(
            lambda: self._predictor.predict(points, labels, None if box is None else np.asarray(box), low)
        )
        best: np.ndarray = masks[int(np.argmax(ratings))]
        return best

    def _set(self, image_or_features: np.ndarray, size: tuple[int, int] | None) -> None:
        if image_or_features.dtype == np.uint8:
            self._run(lambda: self._predictor.set_image(image_or_features))
            return
        if size is None:
            raise ValueError("features come without the image's size; give size=(height, width)")
        features = torch.as_tensor(image_or_features, device=self._predictor.device).float()[None]
        self._predictor.set_features(features, size)

    def _mask_prompt(
        self,
        mask: np.ndarray,  # [H, W]
    ) -> np.ndarray:  # [1, 256, 256]
        """Returns the mask as the logits that the prompt encoder takes, at the top left of their square."""
        height, width = self._predictor.model.prompt_encoder.mask_input_size
        scale = max(height, width) / max(mask.shape)
        columns, rows = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
        square = np.zeros((1, height, width), np.float32)
        square[0, :rows, :columns] = resize(np.asarray(mask, np.float32), columns, rows)
        square = np.clip(square, _CERTAIN, 1 - _CERTAIN)
        return np.asarray(np.log(square / (1 - square)))

    def _run(self, work: Callable[[], _Result]) -> _Result:
        try:
            return work()
        except torch.cuda.OutOfMemoryError as error:
            raise SagaError(
                f"SAM {self.model_type} does not fit into the GPU's memory; lower points_per_batch "
                f"({self.config.points_per_batch}), take a smaller checkpoint (vit_b), or run on the cpu"
            ) from error


@dataclass(frozen=True)
class SamGenerator:
    """Automatic masks and features by a SAM checkpoint; the model is only loaded when an image needs it."""

    bytes_per_view = 2 * SAM_FEATURE_CHANNELS * SAM_FEATURE_SIDE**2
    """What the features of a view take in the cache, which do not compress."""

    checkpoint: Path
    """The checkpoint file."""
    device: str = "auto"
    """Where the model runs: "auto", "cpu" or a CUDA device."""
    config: SamConfig = field(default_factory=SamConfig)
    """How automatic masks are made."""

    @property
    def name(self) -> str:
        """Names the generator in the cache."""
        return "sam"

    @property
    def description(self) -> str:
        """One line for people."""
        return f"masks by Segment Anything ({self.checkpoint.name})"

    @property
    def identity(self) -> dict[str, object]:
        """Everything that decides the masks of an image, JSON-able: the cache's key."""
        config = asdict(self.config)
        del config["points_per_batch"]  # changes the speed, not the masks
        return {"checkpoint": checkpoint_digest(self.checkpoint), **config}

    @cached_property
    def _sam(self) -> Sam:
        return Sam.load(self.checkpoint, self.device, self.config)

    def generate(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> tuple[np.ndarray, np.ndarray]:  # [M, H, W], [256, 64, 64]
        """Returns masks bool [M, H, W] of a uint8 RGB image [H, W, 3] and its features float16 [256, 64, 64]."""
        features = self._sam.features(image)
        return self._sam.automatic_masks(image), features


def _box_around(
    mask: np.ndarray,  # [H, W]
) -> np.ndarray:  # [4]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("the mask prompt is empty")
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)
