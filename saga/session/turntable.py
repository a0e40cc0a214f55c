"""A turntable: an object alone, seen from all sides."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saga.errors import EmptySelectionError, SagaError
from saga.export.rendering import Color, render_color
from saga.files.transaction import atomic_path
from saga.raster import DeviceScene
from saga.runtime.progress import tracked
from saga.scene import Camera, Gaussians, Scene
from saga.scene.orbit import guess_up, look_at, weighted_quantile

_ELEVATION, _FIELD_OF_VIEW, _MARGIN = 20.0, 35.0, 1.15
_STRAY = 0.98
"""Share of the object, by opacity, that has to be in the picture."""
STUDIO: Color = (0.93, 0.93, 0.94)


def write_turntable(
    scene: Scene | DeviceScene,
    member: np.ndarray,  # [N] bool
    path: str | Path,
    frames: int = 48,
    side: int = 360,
    per_second: int = 16,
    background: Color = STUDIO,
) -> None:
    """Writes a GIF or an MP4 in which the members turn once around the scene's up direction.

    Args:
        scene: the scene.
        member: what is shown, alone.
        path: the file, whose ending, .gif or .mp4, decides; it appears when it is whole.
        frames: number of pictures.
        side: width and height in pixels; even for an MP4.
        per_second: pictures in a second.
        background: what is behind the object.

    Raises:
        EmptySelectionError: there are no members.
        SagaError: another ending, or the package that writes MP4 is missing.
    """
    path, placed = Path(path), DeviceScene.of(scene)
    if path.suffix.lower() not in (".gif", ".mp4"):
        raise SagaError(f"{path}: expected a name that ends in .gif or .mp4, found another; choose one of them.")
    writer = _require_mp4() if path.suffix.lower() == ".mp4" else None
    if not member.any():
        raise EmptySelectionError(f"{path}: expected an object to show, found nothing selected; select it first.")
    gaussians = placed.scene.gaussians
    alone = DeviceScene(Scene(_rows(gaussians, member & gaussians.valid), []), str(placed.device))
    cameras = _circle(alone.scene.gaussians, guess_up(gaussians), frames, side)
    pictures = [render_color(alone, camera, background) for camera in tracked(cameras, False, "turntable", "pictures")]
    with atomic_path(path) as temporary:
        if writer is None:
            _write_gif(pictures, temporary, per_second)
        else:
            writer.mimwrite(temporary, pictures, fps=per_second, macro_block_size=2, quality=8)


def _rows(gaussians: Gaussians, member: np.ndarray) -> Gaussians:  # [N] bool
    """Returns some rows of a scene as a scene; its PLY stays that of all."""
    parts = {name: getattr(gaussians, name)[member] for name in _PER_ROW}
    return replace(gaussians, **parts)


_PER_ROW = ("means", "scales", "quaternions", "opacities", "valid", "vertices")


def _circle(gaussians: Gaussians, up: np.ndarray, count: int, side: int) -> list[Camera]:
    means, weights = gaussians.means.astype(np.float64), gaussians.opacities
    low, high = (np.array([weighted_quantile(axis, weights, q) for axis in means.T]) for q in (1 - _STRAY, _STRAY))
    center = (low + high) / 2
    reach = np.linalg.norm(means - center, axis=1) + 2 * gaussians.scales.max(axis=1)
    radius = max(float(weighted_quantile(reach, weights, _STRAY)), 1e-6)
    distance = _MARGIN * radius / math.sin(math.radians(_FIELD_OF_VIEW / 2))
    focal = side / 2 / math.tan(math.radians(_FIELD_OF_VIEW / 2))
    aside = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    aside /= np.linalg.norm(aside)
    cameras = []
    for number in range(count):
        turn, rise = 2 * math.pi * number / count, math.radians(_ELEVATION)
        level = math.cos(turn) * aside + math.sin(turn) * np.cross(up, aside)
        position = center + distance * (math.cos(rise) * level + math.sin(rise) * up)
        pose = look_at(position, center, up)
        cameras.append(Camera(f"turn_{number:03d}.png", side, side, focal, focal, side / 2, side / 2, pose))
    return cameras


def _write_gif(pictures: list[np.ndarray], path: Path, per_second: int) -> None:
    """Writes pictures with the colors of them all together, so that none of them flickers."""
    sample = Image.fromarray(np.concatenate(pictures[:: max(1, len(pictures) // 8)], axis=1))
    colors = sample.quantize(255, method=Image.Quantize.MEDIANCUT)
    shown = [Image.fromarray(each).quantize(palette=colors, dither=Image.Dither.NONE) for each in pictures]
    shown[0].save(path, save_all=True, append_images=shown[1:], duration=round(1000 / per_second), loop=0)


def _require_mp4() -> Any:
    try:
        import imageio.v2 as imageio
        import imageio_ffmpeg  # noqa: F401
    except ImportError as error:
        raise SagaError(
            'MP4: expected the package imageio-ffmpeg, found none; pip install "saga-splat[viewer]", or write a GIF.'
        ) from error
    return imageio
