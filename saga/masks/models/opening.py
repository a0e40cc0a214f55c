"""A mask model from its files, whatever they are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from saga.errors import SagaError
from saga.masks.config import SamConfig
from saga.masks.models.digest import model_digest
from saga.masks.models.model import MaskModel
from saga.masks.models.resolve import ResolvedModel, resolve_model

Precision = Literal["auto", "float32", "float16", "bfloat16"]
"""What an encoder computes in. "auto" is float32 on a CPU and for the files of segment-anything, as their authors run
them, and half precision for the others on a GPU."""


def open_model(
    given: str | Path | ResolvedModel,
    device: str = "auto",
    config: SamConfig | None = None,
    dtype: Precision = "auto",
) -> MaskModel:
    """Opens a mask model.

    Args:
        given: a short name, an id of the hub, a folder or a file, as `resolve_model` has it.
        device: "auto", "cpu" or a CUDA device.
        config: how automatic masks are made.
        dtype: what the encoder computes in.

    Raises:
        SagaError: as `resolve_model`; the packages that it needs are not installed; or the files are damaged, or of
            another kind of model.
    """
    resolved = given if isinstance(given, ResolvedModel) else resolve_model(given)
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    settings = config or SamConfig()
    try:
        if resolved.is_file:
            from saga.masks.models.file_model import FileModel

            precision = _dtype("float32" if dtype == "auto" else dtype, place)
            model: MaskModel = FileModel.load(resolved.path, place, settings, precision)
        else:
            from saga.masks.models.hub_model import HubModel

            model = HubModel.load(resolved.path, place, settings, _dtype(dtype, place))
    except ImportError as error:
        package = "segment-anything" if resolved.is_file else "transformers"
        raise SagaError(
            f'{resolved.name}: expected the package {package}, found none ({error}); pip install "saga-splat[sam]".'
        ) from error
    model.digest = model_digest(resolved)
    return model


def _dtype(dtype: Precision, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    found: torch.dtype = getattr(torch, dtype)
    return found
