"""MaskModel: the one interface to models that make masks of photographs, whoever built them."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from saga.errors import SagaError
from saga.masks.config import SamConfig
from saga.masks.rules import SAM_FEATURE_CHANNELS, SAM_FEATURE_SIDE
from saga.scene.resizing import resize

_KEPT_BYTES = 256 << 20
"""Embeddings of the images seen last are kept up to this size; the last one always is."""
_CERTAIN = 1e-3
"""Probability that a mask prompt leaves for the other answer."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Encoded:
    """What a model's encoder made of an image, once."""

    size: tuple[int, int]
    """Height and width of the image in pixels."""
    inside: tuple[int, int]
    """Height and width of the image as the encoder saw it, at the top left of its input."""
    embeddings: list[Tensor]
    """Whatever the model's decoder takes; the first is the map that decides, [1, C, g, g]."""

    @property
    def bytes(self) -> int:
        """Memory that the embeddings take."""
        return sum(part.numel() * part.element_size() for part in self.embeddings)


@dataclass(frozen=True)
class Prompts:
    """Prompts of one image that are decoded at once, in pixels of the encoder's input."""

    points: Tensor | None = None  # [B, K, 2]
    """(x, y), float32 [B, K, 2]."""
    labels: Tensor | None = None  # [B, K]
    """1 (inside) or 0 (outside), int [B, K]."""
    boxes: Tensor | None = None  # [B, 4]
    """x0, y0, x1, y1, float32 [B, 4]."""
    masks: Tensor | None = None  # [B, 1, h, w]
    """Logits of rough masks of the whole input, float32 [B, 1, h, w]."""


@dataclass(frozen=True)
class Candidates:
    """The nested answers of a model to one prompt."""

    masks: np.ndarray  # [A, H, W]
    """bool [A, H, W]; A is 3 for the models that the toolkit knows."""
    ratings: np.ndarray  # [A]
    """How good the model thinks each is: its estimate of the IoU, float32 [A]."""

    @property
    def best(self) -> np.ndarray:  # [H, W]
        """The mask that the model rates best, bool [H, W]."""
        found: np.ndarray = self.masks[int(np.argmax(self.ratings))]
        return found


class MaskModel(ABC):
    """A model of masks. Images seen last stay encoded, so prompting them again is cheap.

    A new family of models implements `input_side`, `mask_side`, `_encode`, `_decode` and `_enlarge`.
    """

    decodes_features = False
    """Whether `features` is all that the decoder needs, so that kept ones stand for their image."""

    def __init__(self, model_type: str, device: torch.device, config: SamConfig, dtype: torch.dtype) -> None:
        """Keeps what all models have; `saga.masks.models.open_model` opens one from its files."""
        self.model_type = model_type
        """What family and size it is, e.g. "vit_h", "sam2" or "vit_t" (MobileSAM)."""
        self.device = device
        self.config = config
        self.dtype = dtype
        """What the encoder computes in; the decoder always computes in float32."""
        self.digest: str | None = None
        """Tells its files from those of other models; None where it was not opened from files."""
        self._kept: OrderedDict[bytes, Encoded] = OrderedDict()

    @property
    @abstractmethod
    def input_side(self) -> int:
        """Side in pixels of the square that the encoder takes."""

    @property
    @abstractmethod
    def mask_side(self) -> int:
        """Side in pixels of the square of a mask prompt."""

    @abstractmethod
    def _encode(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> Encoded:
        """Runs the encoder on a uint8 RGB image."""

    @abstractmethod
    def _decode(self, encoded: Encoded, prompts: Prompts) -> tuple[Tensor, Tensor]:  # [B, A, h, w], [B, A]
        """Returns logits float32 [B, A, h, w] of the whole input, coarse, and their ratings float32 [B, A]."""

    def _decode_rated(
        self, encoded: Encoded, prompts: Prompts, above: float
    ) -> tuple[Tensor, Tensor]:  # [K, A, h, w], [K, A]
        """Does the same for prompts without masks; those all of whose answers are rated `above` or lower may lack."""
        return self._decode(encoded, prompts)

    @abstractmethod
    def _enlarge(
        self,
        logits: Tensor,  # [K, h, w]
        encoded: Encoded,
    ) -> Tensor:  # [K, H, W]
        """Returns coarse logits in the image's own pixels, float32."""

    def features(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> np.ndarray | None:  # [256, 64, 64]
        """Returns the encoder's features of a uint8 RGB image, float16 [256, 64, 64].

        The grid covers a square of the image's long side; the image lies at its top left. A model whose grid is another
        has its features interpolated; one whose features have other than 256 channels gives None.
        """
        encoded = self.encode(image)
        map = encoded.embeddings[0]
        if map.shape[1] != SAM_FEATURE_CHANNELS:
            return None
        found: np.ndarray = self._on_grid(map, encoded)[0].half().cpu().numpy()
        return found

    def automatic_masks(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> np.ndarray:  # [M, H, W]
        """Returns masks of everything in a uint8 RGB image, bool [M, H, W], larger first; M may be 0."""
        from saga.masks.models.automatic import automatic_masks

        return self.guarded(lambda: automatic_masks(self, image))

    def candidates(
        self,
        image: np.ndarray,  # uint8 [H, W, 3] or float16 [256, 64, 64]
        points: np.ndarray | None = None,  # [K, 2]
        labels: np.ndarray | None = None,  # [K]
        box: np.ndarray | None = None,  # [4]
        mask: np.ndarray | None = None,  # [H, W]
        size: tuple[int, int] | None = None,
    ) -> Candidates:
        """Returns the answers of a model to a prompt, with its ratings.

        Args:
            image: a uint8 RGB image, or its features where the model `decodes_features`.
            points: (x, y) in pixels.
            labels: 1 (inside, the default) or 0 (outside) for each point.
            box: x0, y0, x1, y1 in pixels.
            mask: a rough bool mask, whose box counts too when it is the only prompt.
            size: the image's (height, width), needed with features.

        Raises:
            ValueError: no prompt is given, the mask is empty, or `size` is missing.
            SagaError: features are given to a model that needs the image, or the GPU's memory is too small.
        """
        if points is None and box is None and mask is None:
            raise ValueError("give points, a box or a mask")
        encoded = self.encode(image) if image.dtype == np.uint8 else self._from_features(image, size)
        prompts = self._prompts(encoded, points, labels, box, mask)
        logits, ratings = self.guarded(lambda: self._decode(encoded, prompts))
        masks = self._enlarge(logits[0], encoded) > 0
        return Candidates(masks.cpu().numpy(), ratings[0].float().cpu().numpy())

    def predict(
        self,
        image: np.ndarray,  # uint8 [H, W, 3] or float16 [256, 64, 64]
        points: np.ndarray | None = None,  # [K, 2]
        labels: np.ndarray | None = None,  # [K]
        box: np.ndarray | None = None,  # [4]
        mask: np.ndarray | None = None,  # [H, W]
        size: tuple[int, int] | None = None,
    ) -> np.ndarray:  # [H, W]
        """Returns the mask bool [H, W] that the model rates best for a prompt; arguments as `candidates` has them."""
        return self.candidates(image, points, labels, box, mask, size).best

    @torch.no_grad()
    def encode(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> Encoded:
        """Returns what the encoder makes of a uint8 RGB image, kept from before where it is."""
        key = hashlib.blake2b(np.ascontiguousarray(image).data, salt=str(image.shape[:2]).encode()[:16]).digest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        encoded = self.guarded(lambda: self._encode(image))
        self._kept[key] = encoded
        while len(self._kept) > 1 and sum(each.bytes for each in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return encoded

    @torch.no_grad()
    def decode_points(
        self,
        encoded: Encoded,
        points: np.ndarray,  # [B, 2]
        above: float = -math.inf,
    ) -> tuple[Tensor, Tensor]:  # [K, h, w], [K]
        """Returns coarse logits and ratings of the answers to prompts of one point (x, y) each, in the image's pixels.

        Only answers that are rated higher than `above` come back, in the order of the points.
        """
        scaled = self._scaled(encoded, points)[:, None]
        labels = torch.ones(scaled.shape[:2], dtype=torch.int, device=self.device)
        logits, ratings = self._decode_rated(encoded, Prompts(scaled, labels), above)
        good = ratings > above
        return logits[good], ratings[good]

    @torch.no_grad()
    def enlarge(
        self,
        logits: Tensor,  # [K, h, w]
        encoded: Encoded,
    ) -> Tensor:  # [K, H, W]
        """Returns coarse logits in the image's own pixels, float32 [K, H, W]; a mask is where they are above 0."""
        return self._enlarge(logits, encoded)

    def guarded(self, work: Callable[[], _Result]) -> _Result:
        """Does work on the device; a GPU whose memory is too small becomes one line."""
        try:
            with torch.no_grad():
                return work()
        except torch.cuda.OutOfMemoryError as error:
            raise SagaError(
                f"{self.model_type}: expected a model that fits into the GPU's memory, found that it does not; lower "
                f"points_per_batch ({self.config.points_per_batch}), take a smaller model (mobile), or run on the cpu."
            ) from error

    def _mixed(self) -> AbstractContextManager[Any]:
        """Where the encoder runs: in the model's own precision, or in half of it."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def _from_features(
        self,
        features: np.ndarray,  # [256, 64, 64]
        size: tuple[int, int] | None,
    ) -> Encoded:
        if size is None:
            raise ValueError("features come without the image's size; give size=(height, width)")
        if not self.decodes_features:
            raise SagaError(
                f"{self.model_type}: expected a model that answers from kept features, found one that needs the image; "
                "take mobile, vit_b, vit_l or vit_h."
            )
        map = torch.as_tensor(features, device=self.device).float()[None]
        return Encoded(size, fitted(size, self.input_side), [map])

    def _on_grid(
        self,
        map: Tensor,  # [1, 256, g, g]
        encoded: Encoded,
    ) -> Tensor:  # [1, 256, 64, 64]
        """Returns a map of the encoder's input on SAM's grid of the image."""
        side, long = SAM_FEATURE_SIDE, max(encoded.size)
        rows, columns = (max(1, round(side * length / long)) for length in encoded.size)
        height, width = (round(map.shape[2] * length / self.input_side) for length in encoded.inside)
        if map.shape[2] == side and max(encoded.inside) == self.input_side and (height, width) == (rows, columns):
            return map
        inside = map[..., : max(1, height), : max(1, width)]
        found = F.interpolate(
            inside.float(), size=(rows, columns), mode="bilinear", align_corners=False, antialias=True
        )
        return F.pad(found, (0, side - columns, 0, side - rows))

    def _scaled(
        self,
        encoded: Encoded,
        points: np.ndarray,  # [..., 2]
    ) -> Tensor:  # [..., 2]
        """Returns points (x, y) of the image in pixels of the encoder's input."""
        (height, width), (rows, columns) = encoded.size, encoded.inside
        scaled = np.asarray(points, np.float64) * (columns / width, rows / height)
        return torch.as_tensor(scaled, dtype=torch.float32, device=self.device)

    def _prompts(
        self,
        encoded: Encoded,
        points: np.ndarray | None,  # [K, 2]
        labels: np.ndarray | None,  # [K]
        box: np.ndarray | None,  # [4]
        mask: np.ndarray | None,  # [H, W]
    ) -> Prompts:
        """Returns one prompt of an image as the decoder takes it."""
        low = None
        if mask is not None:
            if points is None and box is None:
                box = _box_around(mask)
            low = torch.from_numpy(self._mask_prompt(mask, encoded)).to(self.device)
        given = known = corners = None
        if points is not None:
            points = np.asarray(points, np.float64).reshape(1, -1, 2)
            given = self._scaled(encoded, points)
            which = np.ones(points.shape[1]) if labels is None else np.asarray(labels)
            known = torch.as_tensor(which, dtype=torch.int, device=self.device)[None]
        if box is not None:
            corners = self._scaled(encoded, np.asarray(box, np.float64).reshape(1, 2, 2)).reshape(1, 4)
        return Prompts(given, known, corners, low)

    def _mask_prompt(
        self,
        mask: np.ndarray,  # [H, W]
        encoded: Encoded,
    ) -> np.ndarray:  # [1, 1, h, w]
        """Returns a mask as the logits that a prompt encoder takes, at the top left of their square."""
        side = self.mask_side
        rows, columns = (max(1, round(side * length / self.input_side)) for length in encoded.inside)
        square = np.zeros((1, 1, side, side), np.float32)
        square[0, 0, :rows, :columns] = resize(np.asarray(mask, np.float32), columns, rows)
        square = np.clip(square, _CERTAIN, 1 - _CERTAIN)
        return np.asarray(np.log(square / (1 - square)), np.float32)


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Returns the height and width of an image whose long side is scaled to `side`, rounded as SAM does."""
    scale = side / max(size)
    return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)


def _box_around(
    mask: np.ndarray,  # [H, W]
) -> np.ndarray:  # [4]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("the mask prompt is empty")
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)
