"""SAM 2's video predictor, and the models made after it, as transformers has them: masks carried through photographs.

Written against transformers 5.24: Sam2VideoModel, EdgeTamVideoModel and Sam3TrackerVideoModel.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from saga.errors import SagaError
from saga.files.reading import reading
from saga.masks.models.quiet import quiet
from saga.runtime.shortage import memory_shortage
from saga.scene.camera import Camera
from saga.scene.scene import Scene

FAMILIES = {
    "sam2_video": "Sam2Video",
    "edgetam_video": "EdgeTamVideo",
    "sam3_tracker_video": "Sam3TrackerVideo",
    "sam3_video": "Sam3TrackerVideo",
}
"""What `config.json` calls a model -> how the names of its classes begin."""
_ENDS = 1 << 20
"""Bytes at either end of a file of weights that tell it from others."""


class VideoModel:
    """A video model in a local folder; it is only loaded when something has to be tracked.

    Photographs are streamed: of those behind, only what the model looks back to stays in memory.
    """

    def __init__(self, folder: str | Path, device: str = "auto", dtype: str | None = None) -> None:
        """Looks at the folder's `config.json`.

        Args:
            folder: a model as `save_pretrained` writes it: config.json, weights and preprocessor_config.json.
            device: "auto", "cpu" or a CUDA device.
            dtype: "float32" or "bfloat16"; None takes float32 on a CPU, bfloat16 on a GPU.

        Raises:
            SagaError: there is no such folder, or it holds no video model.
        """
        self.folder = Path(folder)
        config = self.folder / "config.json"
        with reading(config, "the configuration of a video model", _advice()):
            kind = json.loads(config.read_text(encoding="utf-8")).get("model_type")
        if kind not in FAMILIES:
            raise SagaError(
                f"{config}: expected a video model ({', '.join(FAMILIES)}) to propagate with, found {kind!r}; "
                f"{_advice()}."
            )
        self.family = FAMILIES[kind]
        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        default = torch.bfloat16 if torch.device(self.device).type == "cuda" else torch.float32
        self.dtype: torch.dtype = default if dtype is None else getattr(torch, dtype)

    @property
    def description(self) -> str:
        """A few words for people."""
        return f"{self.family} ({self.folder.name})"

    @cached_property
    def identity(self) -> dict[str, object]:
        """Which weights these are, without reading gigabytes: sizes and ends of the files."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.glob("*")):
            if path.suffix in (".json", ".safetensors", ".bin"):
                digest.update(f"{path.name} {path.stat().st_size}".encode())
                with path.open("rb") as file:
                    digest.update(file.read(_ENDS))
                    file.seek(max(0, path.stat().st_size - _ENDS))
                    digest.update(file.read())
        return {"family": self.family, "files": digest.hexdigest()}

    def track(
        self,
        scene: Scene,
        cameras: Sequence[Camera],
        masks: np.ndarray,  # [T, H, W]
    ) -> Iterator[np.ndarray]:  # each [T, H, W]
        """Yields the masks in each view after the first, bool; see `Tracker`."""
        if len(masks) == 0:
            yield from (np.zeros((0, camera.height, camera.width), bool) for camera in cameras[1:])
            return
        session = self._session()
        for index, camera in enumerate(cameras):
            pixels = self._pixels(scene.image(camera))
            if index == 0:
                self._prompt(session, masks)
            logits, scores = self._step(session, pixels, index)
            self._forget(session, index)
            if index > 0:
                yield _at_size(logits, scores, camera)

    @cached_property
    def _model(self) -> Any:
        name = f"{self.family}Model"
        with reading(self.folder, f"a {name} of transformers", _advice()), quiet(library := _transformers()):
            model = getattr(library, name).from_pretrained(self.folder, dtype=self.dtype, local_files_only=True)
            return model.to(self.device).eval().requires_grad_(False)

    @cached_property
    def _processor(self) -> Any:
        with (
            reading(self.folder, "a preprocessor_config.json of a video model", _advice()),
            quiet(library := _transformers()),
        ):
            return library.AutoImageProcessor.from_pretrained(self.folder, local_files_only=True)

    def _session(self) -> Any:
        session = getattr(_transformers(), f"{self.family}InferenceSession")
        return session(
            inference_device=self.device,
            inference_state_device=self.device,
            video_storage_device=self.device,
            dtype=self.dtype,
        )

    def _pixels(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> Tensor:  # [3, S, S]
        prepared: Tensor = self._processor(images=image.copy(), return_tensors="pt")["pixel_values"][0]
        return prepared.to(self.device, self.dtype)

    def _prompt(
        self,
        session: Any,
        masks: np.ndarray,  # [T, H, W]
    ) -> None:
        """Gives the session what to follow, at the size that the model takes."""
        size = (self._model.config.image_size,) * 2
        for number, mask in enumerate(masks):
            wanted = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
            scaled = F.interpolate(wanted, size=size, mode="bilinear", antialias=True) >= 0.5
            if not bool(scaled.any()):  # thinner than a pixel of the model
                scaled = F.adaptive_max_pool2d(wanted, size) > 0
            session.add_mask_inputs(session.obj_id_to_idx(number), 0, scaled.to(self.device, self.dtype))
        session.obj_with_new_inputs = list(range(len(masks)))

    @torch.inference_mode()
    def _step(
        self,
        session: Any,
        pixels: Tensor,  # [3, S, S]
        index: int,
    ) -> tuple[Tensor, Tensor]:  # [T, s, s], [T]
        """Returns logits of the masks in the next photograph, and of whether each thing is there; on the CPU."""
        try:
            found = self._model(inference_session=session, frame=pixels, frame_idx=index)
        except (RuntimeError, MemoryError) as error:
            if memory_shortage(error) is None:
                raise
            raise SagaError(
                f"{self.folder}: expected memory for {session.get_obj_num()} tracks on {self.device}, found too "
                "little; take a smaller model, or run on the cpu."
            ) from error
        return found.pred_masks[:, 0].float().cpu(), found.object_score_logits.float().reshape(-1).cpu()

    def _forget(self, session: Any, index: int) -> None:
        """Drops what no later photograph asks for: the session itself keeps the outputs and pixels of all of them."""
        session.processed_frames.pop(index, None)
        features, pointers = self._model.config.num_maskmem, self._model.config.max_object_pointers_in_encoder
        for outputs in session.output_dict_per_obj.values():
            for kept in outputs.values():
                if index in kept:
                    for name in ("high_res_masks", "pred_masks"):
                        kept[index].pop(name, None)
            tracked = outputs["non_cond_frame_outputs"]
            for name in ("maskmem_features", "maskmem_pos_enc"):
                tracked.get(index - features + 1, {}).pop(name, None)
            tracked.pop(index - max(features, pointers), None)


def _at_size(
    logits: Tensor,  # [T, s, s]
    scores: Tensor,  # [T]
    camera: Camera,
) -> np.ndarray:  # [T, H, W]
    """Returns masks at a view's size, one after the other: many at once would take gigabytes as numbers."""
    found = np.zeros((len(logits), camera.height, camera.width), bool)
    for index in torch.nonzero(scores > 0)[:, 0].tolist():
        scaled = F.interpolate(logits[index][None, None], size=found.shape[1:], mode="bilinear", align_corners=False)
        found[index] = (scaled[0, 0] > 0).numpy()
    return found


def _transformers() -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise SagaError(
            f'--propagate: expected the package transformers, found none ({error}); pip install "saga-splat[sam]".'
        ) from error


def _advice() -> str:
    return "give the whole folder of a SAM 2, EdgeTAM or SAM 3 model, such as sam2-tiny"
