"""The files of an object for engines: its Gaussians, its mesh, and the manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saga.assets.asset import make_asset
from saga.assets.config import HULL, MANIFEST, MESH, PARTS, AssetConfig
from saga.assets.upright import Uprights
from saga.export.splats import write_splats
from saga.files.json_values import write_json
from saga.raster import DeviceScene
from saga.scene import Gaussians
from saga.scene.format_names import ExportFormat

_UP = np.array([0.0, 1.0, 0.0])


def write_asset(
    scene: DeviceScene,
    gaussians: Gaussians,
    member: np.ndarray,  # [N] bool
    folder: Path,
    format: ExportFormat,
    config: AssetConfig,
    uprights: Uprights | None = None,
) -> None:
    """Writes object.*, collision.glb, hull.glb, asset.json and, asked for, parts.glb into a folder, which is made.

    Args:
        scene: the scene, for its cameras and what stands in it.
        gaussians: its Gaussians, or the parts that they were split into.
        member: which of these are the object's.
        folder: for the files.
        format: of object.*.
        config: where the object's own frame lies, and whether there are convex parts.
        uprights: of the scene, where several objects of it are written.

    Raises:
        SagaError: as `make_asset`, or a file cannot be written.
    """
    up = (uprights or Uprights(scene, config)).of(gaussians.means[member & gaussians.valid])
    asset = make_asset(gaussians, member, up, config, str(scene.device))
    folder.mkdir(parents=True)
    write_splats(asset.gaussians, np.ones(len(asset.gaussians), bool), folder / "object", format, up=_UP)
    files = {"gaussians": f"object.{format}", "mesh": MESH, "hull": HULL}
    if asset.parts is not None:
        files["convex_parts"] = PARTS
    for name, content in ((MESH, asset.mesh), (HULL, asset.hull), (PARTS, asset.parts)):
        if content is not None:
            (folder / name).write_bytes(content)
    write_json(folder / MANIFEST, {"files": files, **asset.facts})
