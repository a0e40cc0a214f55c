"""A scene: its Gaussians and the views of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.gaussians import Gaussians
from saga.scene.images import load_photograph, load_pinhole_image
from saga.scene.names import comparable, unique_stems, without_suffix


@dataclass(eq=False)
class Scene:
    """The Gaussians of one PLY and the cameras that look at them."""

    gaussians: Gaussians
    """The Gaussians, in the order of the PLY."""
    cameras: list[Camera]
    """The views, sorted by name."""
    path: Path | None = None
    """The PLY, or None for a scene that was made in memory."""

    @property
    def stems(self) -> dict[str, str]:
        """View name -> the name, without suffix, of the files that are made of the view; no two are the same."""
        return unique_stems([camera.name for camera in self.cameras])

    def camera(self, name: str) -> Camera:
        """Returns the camera called `name`: its name, its file name, or either without the suffix.

        Leading folders of `name` are passed over when needed, so a photograph's path works too; accents may be stored
        composed or decomposed. Raises SagaError that offers the nearest names when there is none, or several.
        """
        asked = PurePosixPath(comparable(name))
        for part in (str, without_suffix, _file, lambda path: without_suffix(_file(path))):
            found = [camera for camera in self.cameras if part(comparable(camera.name)) == part(str(asked))]
            if len(found) == 1:
                return found[0]
            if found:
                several = ", ".join(camera.name for camera in found[:5])
                raise SagaError(f"{name}: several views have this name; give one of {several}")
        names = [camera.name for camera in self.cameras]
        near = difflib.get_close_matches(asked.name, names, n=3, cutoff=0.0)
        offer = f"the nearest are {', '.join(near)}" if near else "the scene has no views at all"
        raise SagaError(f"{name}: no such view among {len(names)}; {offer}")

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
