"""The demo scene on disk: a scene like any other, with the truth beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from saga.demo.scene import DemoScene
from saga.errors import SagaError
from saga.export.png import PngWriter
from saga.export.rendering import Color, over_background
from saga.files.json_values import write_json
from saga.files.transaction import staged_folder
from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.raster.majority import MIN_ALPHA
from saga.scene import Camera, Scene, write_transforms
from saga.scene.json_file import read_json

BACKDROP: Color = (0.88, 0.89, 0.90)
"""What the demo's photographs show around the table."""

_OWNED = ("scene.ply", "labels.npy", "objects.json", "transforms.json", "images/*.png", "instances/*.png")


def write_scene(scene: DemoScene, folder: str | Path) -> None:
    """Writes the demo scene and its photographs.

    scene.ply; transforms.json with images/*.png; labels.npy (uint8 [N] in the PLY's order); objects.json
    (name -> label); instances/*.png (uint8 [H, W], the label of what each pixel shows, 0 = background or
    nothing), which also serves as a folder of masks to train with.

    The files appear together or not at all. Raises SagaError when `folder` holds anything else than an
    earlier demo, or cannot be written.
    """
    geometry = DeviceScene(Scene(scene.gaussians, scene.cameras), "cpu").geometry
    if scene.floating is not None:  # a floater is in the scene and in no photograph
        hidden = torch.where(torch.from_numpy(scene.floating), 0.0, geometry.opacities)
        geometry = replace(geometry, opacities=hidden)
    rng = np.random.default_rng([scene.seed, len(scene.cameras)])
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(scene.labels.astype(np.int64))).to(torch.float32)
    with staged_folder(folder, _OWNED, lambda found: _is_demo(found, scene.names)) as stage:
        scene.gaussians.write(stage / "scene.ply")
        np.save(stage / "labels.npy", scene.labels)
        write_json(stage / "objects.json", scene.names)
        rendered = []
        with PngWriter() as pictures:
            for camera in scene.cameras:
                path = stage / "images" / f"{camera.stem}.png"
                photograph, instances = _render(scene, geometry, one_hot, camera)
                pictures.write(path, scene.capture.photograph(photograph, rng))
                pictures.write(stage / "instances" / path.name, instances)
                rendered.append(replace(scene.capture.camera(camera, rng), image_path=path))
        write_transforms(rendered, stage / "transforms.json")


def instances_as_masks(
    instances: np.ndarray,  # [H, W] integer
) -> np.ndarray:  # [M, H, W]
    """Returns one bool mask [M, H, W] for every label other than 0 in a view, in the order of the labels."""
    present = np.unique(instances)
    return np.asarray(instances[None] == present[present > 0][:, None, None])


def _render(
    scene: DemoScene,
    geometry: Geometry,
    one_hot: torch.Tensor,  # [N, labels]
    camera: Camera,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the photograph and instances of one view, in one pass over the Gaussians."""
    colors = torch.from_numpy(scene.gaussians.colors(camera.position))
    image = BlendOperator(geometry, camera).render(torch.cat([colors, one_hot], dim=1))
    color, shares = image[..., :3], image[..., 3:]
    alpha = shares.sum(-1)
    instances = torch.where(alpha > MIN_ALPHA, shares.argmax(-1), 0)
    return over_background(color, alpha, BACKDROP), instances.to(torch.uint8).numpy()


def _is_demo(folder: Path, names: dict[str, int]) -> bool:
    try:
        return bool(read_json(folder / "objects.json") == names)
    except SagaError:
        return False
