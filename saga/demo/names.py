"""Names of the demo's layouts and captures, known without building anything."""

from typing import Literal

LayoutName = Literal[
    "table", "shelf", "room", "clutter", "gallery", "garden", "single", "dark", "kitchen", "patio", "bicycle", "fern"
]
CaptureName = Literal["perfect", "handheld", "forward", "sparse", "close"]
