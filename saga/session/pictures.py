"""Pictures that come as bytes, from a page or a request."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.masks.pictures import read_object
from saga.scene import Camera


def mask_of_png(data: bytes, camera: Camera) -> np.ndarray:  # [H, W] bool
    """Returns the mask that a PNG of a view's size shows: not black, or not transparent.

    Raises:
        SagaError: it is no PNG, of another size, or damaged.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            size, kind = picture.size, picture.format
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise SagaError("mask: expected a PNG, found something else; write it again.") from error
    if kind != "PNG" or size != (camera.width, camera.height):
        raise SagaError(
            f"mask: expected a PNG of {camera.width} x {camera.height} pixels, found {kind} of {size[0]} x {size[1]}."
        )
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(data)
        file.flush()
        try:
            return read_object(Path(file.name))
        except SagaError as error:
            raise SagaError("mask: expected a whole PNG, found a damaged one; write it again.") from error
