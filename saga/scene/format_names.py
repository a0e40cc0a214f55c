"""Names of the formats of splats, as options and files have them; the ending of a file is a dot and the name."""

from __future__ import annotations

from typing import Literal

SplatFormat = Literal["ply", "compressed.ply", "spz", "splat", "ksplat", "sog"]
"""What scenes are read from and written in."""
ExportFormat = Literal["ply", "compressed.ply", "spz", "splat", "ksplat", "sog", "usd"]
"""What objects are written in."""
