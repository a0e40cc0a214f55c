"""SAM 3 and Grounding DINO by transformers: what a text names in one picture, as masks or as boxes."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from saga.errors import SagaError
from saga.masks.models.folders import model_type
from saga.runtime.device import choose_device
from saga.words.loading import folder_digest, loading
from saga.words.source import Detections


class TransformersDetector:
    """What the detectors have in common: a folder, a model that is read when it is needed, its digest."""

    KINDS: ClassVar[tuple[str, ...]] = ()
    """Values of "model_type" in config.json that the adapter serves."""
    THRESHOLD: ClassVar[float] = 0.5
    """Score from which the model takes a thing for what was asked for."""
    CLASS: ClassVar[str] = ""
    """The model's class of transformers."""
    PROCESSOR: ClassVar[str] = ""
    """Its processor's; what is found by itself for SAM 3 is the one for videos."""

    def __init__(self, folder: str | Path, device: str = "auto", name: str | None = None) -> None:
        """Takes the folder; reads its config only.

        Args:
            folder: with config.json, the weights, and the files of processor and tokenizer.
            device: "auto", "cpu" or "cuda".
            name: what people call it; the folder's name by default.

        Raises:
            SagaError: the folder holds no model of one of `KINDS`.
        """
        self.folder = Path(folder)
        self.name = name or self.folder.name
        self.kind = model_type(self.folder)
        if self.kind not in self.KINDS:
            raise SagaError(
                f"{self.folder}: expected a detector ({', '.join(self.KINDS)}), found {self.kind!r}; give another."
            )
        self.device = torch.device(choose_device(device))

    @cached_property
    def identity(self) -> str:
        """As in Detector."""
        return f"{self.kind}-{folder_digest(self.folder)[:24]}-{self.THRESHOLD}"

    def load(self) -> None:
        """Reads from disk all that it needs, which otherwise is read when it is first asked."""
        _ = self.identity, self._model, self._processor

    @cached_property
    def _model(self) -> Any:
        with loading(self.folder) as transformers:
            kind = getattr(transformers, self.CLASS)
            return kind.from_pretrained(self.folder, local_files_only=True).to(self.device).eval()

    @cached_property
    def _processor(self) -> Any:
        with loading(self.folder) as transformers:
            return getattr(transformers, self.PROCESSOR).from_pretrained(self.folder, local_files_only=True)

    def _outputs(self, picture: np.ndarray, text: str) -> tuple[Any, Any]:
        inputs = self._processor(images=picture, text=text, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            return self._model(**inputs), inputs


class Sam3Detector(TransformersDetector):
    """SAM 3's concept prompts: all things that a short noun phrase names, with masks and scores.

    Written against Sam3Model of transformers 5.24; its checkpoints are those of facebook/sam3.
    """

    KINDS = ("sam3", "sam3_video")
    THRESHOLD = 0.5
    CLASS, PROCESSOR = "Sam3Model", "Sam3Processor"

    def detect(
        self,
        picture: np.ndarray,  # [H, W, 3] uint8
        text: str,
    ) -> Detections:
        """As in Detector."""
        size = picture.shape[:2]
        outputs, _ = self._outputs(picture, text)
        found = self._processor.post_process_instance_segmentation(
            outputs, threshold=self.THRESHOLD, mask_threshold=0.5, target_sizes=[size]
        )[0]
        masks = np.asarray(found["masks"].cpu()).astype(bool).reshape(-1, *size)
        return Detections(_boxes(found["boxes"]), _scores(found["scores"]), masks)


class GroundingDetector(TransformersDetector):
    """Grounding DINO: boxes of what a text names; what makes masks of prompts makes masks of them.

    Written against GroundingDinoForObjectDetection of transformers 5.24; for IDEA-Research/grounding-dino-tiny, -base.
    """

    KINDS = ("grounding-dino",)
    THRESHOLD = 0.3
    CLASS, PROCESSOR = "GroundingDinoForObjectDetection", "GroundingDinoProcessor"
    _WORD_THRESHOLD = 0.25

    def detect(
        self,
        picture: np.ndarray,  # [H, W, 3] uint8
        text: str,
    ) -> Detections:
        """As in Detector; the model was trained on phrases in lower case that end in a dot."""
        outputs, inputs = self._outputs(picture, f"{text.lower().rstrip('.')}.")
        found = self._processor.post_process_grounded_object_detection(
            outputs,
            inputs["input_ids"],
            threshold=self.THRESHOLD,
            text_threshold=self._WORD_THRESHOLD,
            target_sizes=[picture.shape[:2]],
        )[0]
        return Detections(_boxes(found["boxes"]), _scores(found["scores"]), None)


DETECTORS: tuple[type[Sam3Detector] | type[GroundingDetector], ...] = (Sam3Detector, GroundingDetector)


def _boxes(boxes: torch.Tensor) -> np.ndarray:  # [M, 4]
    return np.asarray(boxes.detach().float().cpu()).reshape(-1, 4)


def _scores(scores: torch.Tensor) -> np.ndarray:  # [M]
    return np.asarray(scores.detach().float().cpu()).reshape(-1)
