"""What a reader had to assume about many cameras, said once."""

from __future__ import annotations

import warnings
from pathlib import Path


class Doubts:
    """Assumptions about the cameras of a file, each with how many cameras it concerns."""

    def __init__(self, source: Path) -> None:
        """Begins with none.

        Args:
            source: the file of the cameras, for people.
        """
        self.source = source
        """The file, or folder, of the cameras."""
        self._found: dict[str, list[str]] = {}

    def add(self, what: str, camera: str) -> None:
        """Notes an assumption about a camera."""
        self._found.setdefault(what, []).append(camera)

    def warn(self) -> None:
        """Warns of each assumption, with the number of cameras and the first."""
        for what, cameras in self._found.items():
            those = f"camera {cameras[0]}" if len(cameras) == 1 else f"{len(cameras)} cameras, {cameras[0]} first"
            warnings.warn(f"{self.source}: {what} ({those})", stacklevel=1)  # one place: the same is said once
