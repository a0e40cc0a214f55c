"""A person's own masks: one mask file per photograph in a folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.masks.config import MaskKind
from saga.masks.formats import LAYOUTS, read_masks
from saga.masks.matching import match_names
from saga.masks.through_lens import masks_to_pinhole
from saga.scene.camera import Camera


class FolderMasks:
    """The masks of a folder, matched with views by name and read one view at a time.

    The file or folder of a view is named as its photograph, with the photograph's suffix or without:
    `0003.png`, `0003.jpg.png`, `0003/`, `0003.npz`, `0003.npy` or `0003.json` for `0003.jpg`. When
    photographs lie in subfolders, so may their masks. `match_names` has the rules, in order.
    """

    def __init__(self, folder: str | Path, cameras: Sequence[Camera], kind: MaskKind = "auto") -> None:
        """List the folder and match it with `cameras`; no mask is read.

        Args:
            folder: the folder of masks.
            cameras: the views.
            kind: what gray levels of a picture are: "labels", or one "soft" mask; "auto" tells them apart, and warns
                once of what it assumed.

        Raises:
            SagaError: there is no such folder, no view has masks, or a view has two files.
        """
        self._kind, self._said = kind, False
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise SagaError(f"{self.folder}: no such folder; give the folder that holds one mask file per photograph")
        matches = match_names(self.folder, [camera.name for camera in cameras])
        self._files = matches.files
        if not self._files:
            raise SagaError(self._nothing_found(cameras))
        self.description = (
            f"masks from {self.folder} ({', '.join([f'{len(self._files)} of {len(cameras)} views', *matches.assumed])})"
        )

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        """Return the masks bool [M, H, W] of a view in pixels of its ideal pinhole; M is 0 for a view without.

        Files hold masks of the photograph as it is on disk, or of a scaled copy.

        Raises:
            SagaError: the file cannot be decoded or has another aspect ratio than the photograph.
        """
        path = self._files.get(camera.name)
        if path is None:
            return np.zeros((0, camera.height, camera.width), dtype=bool)
        masks = read_masks(path, self._kind, self._say)
        if len(masks):
            _check_aspect(path, masks, camera)
        return masks_to_pinhole(masks, camera)

    def has_features(self, camera: Camera) -> bool:
        """Returns False: a folder holds no encoder features."""
        return False

    def features(self, camera: Camera) -> None:
        """Returns None: a folder holds no encoder features."""
        return None

    def _say(self, line: str) -> None:
        """Warns of the first assumption: those of the other files are mostly the same."""
        if not self._said:
            self._said = True
            warnings.warn(f"{line} (and other files likewise)", stacklevel=4)

    def _nothing_found(self, cameras: Sequence[Camera]) -> str:
        wanted = ", ".join(f"{camera.stem}.*" for camera in cameras[:3])
        present = ", ".join(sorted(entry.name for entry in self.folder.iterdir())[:3]) or "nothing"
        return (
            f"{self.folder}: no mask for any of the {len(cameras)} views; expected {wanted} ({LAYOUTS}), "
            f"found {present}; name each mask file as its photograph"
        )


def _check_aspect(path: Path, masks: np.ndarray, camera: Camera) -> None:
    height, width = masks.shape[1:]
    off = abs(width * camera.height / (height * camera.width) - 1)
    if off > max(0.01, 1 / width, 1 / height):
        raise SagaError(
            f"{path}: masks are {width}x{height} where the photograph is "
            f"{camera.width}x{camera.height}, another aspect ratio; "
            "give masks of the photograph's size or a scaled copy of it"
        )
