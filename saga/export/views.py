"""Photographs for a scene that has none: its cameras' views, rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from saga.errors import SagaError
from saga.export.folder import staged_folder
from saga.export.png import PngWriter
from saga.export.rendering import WHITE, Color, render_color
from saga.raster import Geometry
from saga.scene import Camera, Gaussians, write_transforms


def render_views(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    folder: str | Path,
    background: Color = WHITE,
    device: str = "cpu",
) -> None:
    """Renders every view of a scene into `folder`, which then loads as a folder of photographs.

    Writes images/<stem>.png and transforms.json (ideal pinholes). The folder appears when everything is
    written, or not at all.

    Raises SagaError when there are no cameras, or `folder` already holds files: these are never replaced,
    because rendered views cannot be told from a person's photographs.
    """
    if not cameras:
        raise SagaError(f"{folder}: no cameras to render from; give a scene with cameras")
    geometry = Geometry.from_gaussians(gaussians, device)
    with staged_folder(folder, owned=(), is_earlier=lambda _: False) as stage:
        rendered = []
        with PngWriter() as pictures:
            for camera in cameras:
                path = stage / "images" / f"{camera.stem}.png"
                pinhole = replace(camera, name=path.name, image_path=path, lens=None)
                pictures.write(path, render_color(gaussians, geometry, pinhole, background))
                rendered.append(pinhole)
        write_transforms(rendered, stage / "transforms.json")
