"""A scene: its Gaussians and the views of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.gaussians import Gaussians
from saga.scene.images import load_photograph, load_pinhole_image
from saga.scene.names import comparable, unique_stems, without_suffix

_REMEMBERED = 256
"""Free cameras that are known by name."""


@dataclass(eq=False)
class Scene:
    """The Gaussians of one PLY and the cameras that look at them."""

    gaussians: Gaussians
    """The Gaussians, in the order of the PLY."""
    cameras: list[Camera]
    """The views, sorted by name."""
    path: Path | None = None
    """The PLY, or None for a scene that was made in memory."""
    _visited: dict[str, Camera] = field(default_factory=dict, init=False, repr=False)
    """The free cameras that were looked through last, by their names."""

    @property
    def stems(self) -> dict[str, str]:
        """View name -> the name, without suffix, of the files that are made of the view; no two are the same."""
        return unique_stems([camera.name for camera in self.cameras])

    def camera(self, view: str | Camera) -> Camera:
        """Returns the camera called `view`: its name, its file name, or either without the suffix.

        A camera stands for itself: one that is no view of the scene becomes a free one (`Camera.free`), which is known
        by its name until many others have been looked through.

        Leading folders of `view` are passed over when needed, so a photograph's path works too; accents may be stored
        composed or decomposed. Raises SagaError that offers the nearest names when there is none, or several.
        """
        if isinstance(view, Camera):
            return self._looked_through(view)
        if view in self._visited:
            return self._visited[view]
        asked = PurePosixPath(comparable(view))
        for part in (str, without_suffix, _file, lambda path: without_suffix(_file(path))):
            found = [camera for camera in self.cameras if part(comparable(camera.name)) == part(str(asked))]
            if len(found) == 1:
                return found[0]
            if found:
                several = ", ".join(camera.name for camera in found[:5])
                raise SagaError(f"{view}: several views have this name; give one of {several}")
        names = [camera.name for camera in self.cameras]
        near = difflib.get_close_matches(asked.name, names, n=3, cutoff=0.0)
        offer = f"the nearest are {', '.join(near)}" if near else "the scene has no views at all"
        raise SagaError(f"{view}: no such view among {len(names)}; {offer}")

    def is_view(self, camera: Camera) -> bool:
        """Whether a camera is one of the scene's views, and not a free one."""
        return any(camera is each for each in self.cameras)

    def _looked_through(self, camera: Camera) -> Camera:
        if self.is_view(camera):
            return camera
        free = camera.free()
        known = self._visited.pop(free.name, free)
        self._visited[free.name] = known  # the last one last
        while len(self._visited) > _REMEMBERED:
            self._visited.pop(next(iter(self._visited)), None)
        return known

    def image(self, camera: Camera) -> np.ndarray:  # [H, W, 3]
        """Return what the ideal pinhole `camera` sees of its photograph, uint8 RGB [H, W, 3].

        Read anew at every call. Raises SagaError when there is no photograph.
        """
        return load_pinhole_image(camera)

    def photograph(self, camera: Camera) -> np.ndarray:  # [H, W, 3]
        """Return the camera's photograph as its lens made it, at the camera's size, uint8 RGB [H, W, 3].

        Read anew at every call. Raises SagaError when there is no photograph.
        """
        return load_photograph(camera)


def _file(path: str) -> str:
    return PurePosixPath(path).name
