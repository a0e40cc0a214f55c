"""The generator of masks of the scene, for the mask cache."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.masks.cache import image_key
from saga.masks.config import ClassicalConfig
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.gate import may_have_support
from saga.masks.scene.grid import ViewGrid, view_grid
from saga.masks.scene.parts import masks_of_view, wholes_of_view
from saga.masks.scene.structure import SceneStructure, find_structure
from saga.masks.scene.surface import Surface, fuse
from saga.masks.source import ViewMasks
from saga.raster import DeviceScene
from saga.runtime.progress import tracked
from saga.scene.camera import Camera, spread
from saga.scene.scene import Scene

_VERSION = 6
_FEWEST_VIEWS = 2


class SceneGenerator:
    """The masks that a scene gives itself: its supports, what stands on them, and the parts of that.

    The structure of the scene is found once, from all its views together; then views are made one at a time.
    """

    name = "scene"
    """Names the generator in the cache."""

    def __init__(
        self,
        scene: Scene | DeviceScene,
        folders: Sequence[Path],
        device: str = "auto",
        config: SceneMaskConfig | None = None,
        classical: ClassicalConfig | None = None,
    ) -> None:
        """Prepares the generator of one scene; nothing is looked at yet.

        Args:
            scene: Gaussians, cameras and photographs; views without one are looked at as the Gaussians show them.
            folders: where the structure may lie; it is kept in the first.
            device: where the scene is rendered; without effect when it is on a device already.
            config: settings; None takes the defaults.
            classical: settings of the classical masks that become parts; None takes the defaults.

        Raises:
            SagaError: a photograph cannot be read.
        """
        self._scene = DeviceScene.of(scene, device)
        self.config, self.classical = config or SceneMaskConfig(), classical or ClassicalConfig()
        self.cameras = spread(self._scene.scene.cameras, self.config.views)
        self.identity: dict[str, object] = {
            "version": _VERSION,
            "scene": self._scene.scene.gaussians.digest(),
            "cameras": [_camera_key(camera) for camera in self.cameras],
            "config": asdict(self.config),
            "classical": asdict(self.classical),
        }
        digest = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()
        self.paths = [folder / f"scene-{digest[:12]}.structure" for folder in folders]
        self.surface: Surface | None = None
        """What the views see; None when that was not looked at: the structure was cached, or no support is likely."""
        self._grids: dict[str, ViewGrid] = {}
        self._structure: SceneStructure | None = None

    @property
    def description(self) -> str:
        """One line for people: what was found."""
        found = self.structure(progress=False).description or "no support"
        return f"masks of the scene itself ({found}), and classical masks inside them as parts"

    def structure(self, progress: bool = True) -> SceneStructure:
        """Returns the scene's structure, found now if it is not in the cache; it has no labels without a support.

        Raises:
            SagaError: a photograph cannot be read, or the cache cannot be written.
        """
        if self._structure is None:
            for path in filter(Path.exists, self.paths):
                try:
                    self._structure = SceneStructure.load(path)
                    return self._structure
                except SagaError as error:
                    warnings.warn(str(error), stacklevel=2)
            self._structure = self._find(progress)
            self._structure.save(self.paths[0])
        return self._structure

    def generate_view(self, scene: Scene, camera: Camera) -> ViewMasks:
        """Makes the masks of one view of the scene, with their weights."""
        image = self._scene.picture(camera.name)
        grid = self._grids.pop(camera.name, None) or self._look(camera)
        masks, weights = masks_of_view(self.structure(), grid, image, self.config, self.classical)
        return ViewMasks(masks, None, weights)

    def wholes(
        self,
        camera: Camera,
        labels: np.ndarray,  # [L]
    ) -> np.ndarray:  # [M, H, W]
        """Makes the masks of some labels of the structure in one view, bool [M, H, W]; of those that it shows."""
        grid = self._grids.get(camera.name) or self._look(camera)
        return wholes_of_view(self.structure(), grid, self._scene.picture(camera.name), self.config, labels)

    def grids(self, most: int, progress: bool = True) -> Iterator[ViewGrid]:
        """Yields what some of the views see, at most `most` of those that the structure was found from."""
        for camera in tracked(spread(self.cameras, most), progress, "objects in the masks", "views"):
            yield self._grids.get(camera.name) or self._look(camera)

    def _find(self, progress: bool) -> SceneStructure:
        if len(self.cameras) < _FEWEST_VIEWS or not may_have_support(self._scene, self.cameras, self.config):
            return SceneStructure.nothing()
        views = tracked(self.cameras, progress, "surface of the scene", "views")
        grids = [self._look(camera) for camera in views]
        surface = fuse(grids, self.config)
        if surface is None:
            return SceneStructure.nothing()
        self.surface, self._grids = surface, {grid.camera.name: grid for grid in grids}
        return find_structure(surface, self.config)

    def _look(self, camera: Camera) -> ViewGrid:
        name = camera.name
        return view_grid(self._scene.operator(name), self._scene.picture(name), self.config.grid_side)


def _camera_key(camera: Camera) -> str:
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, *np.ravel(camera.world_to_camera).tolist()]
    picture = None if camera.image_path is None else image_key(camera)
    return hashlib.sha256(json.dumps([camera.name, picture, numbers]).encode()).hexdigest()
