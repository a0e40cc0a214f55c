"""What the configs of several methods share; imports no torch."""

from __future__ import annotations

from typing import Literal

ViewOrder = Literal["nearest", "file", "farthest"]
"""Order of views: by their distance from the prompt's view, or by the names of their files."""
