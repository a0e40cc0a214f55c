"""The regions in the file beside a scene."""

from __future__ import annotations

from saga.regions.scene_regions import SUFFIX, SceneRegions
from saga.scene import Scene


def regions_beside(scene: Scene) -> SceneRegions | None:
    """Returns the regions that saga-train wrote beside a scene; None where there are none.

    Raises SagaError where the file is damaged or another scene's.
    """
    path = None if scene.path is None else scene.path.with_suffix(SUFFIX)
    return SceneRegions.load(path, scene) if path is not None and path.is_file() else None
