"""pycolmap and Pillow in one process: in either order of import, photographs are saved."""

from __future__ import annotations

import subprocess
import sys

import pytest

SAVE = """
import io
import numpy as np
from PIL import Image
pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
file = io.BytesIO()
Image.fromarray(pixels).save(file, "PNG")
assert np.array_equal(np.asarray(Image.open(file)), pixels)
"""


@pytest.mark.parametrize("imports", ["pycolmap, saga.scene.images", "saga.scene.images, pycolmap"])
def test_a_png_is_saved_whoever_is_imported_first(imports: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import {imports}\n{SAVE}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
