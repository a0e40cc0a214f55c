"""Pictures of each object for a model to look at: where it is seen best, alone and as the photograph has it.

A crop of the photograph has what surrounds the object, which says what it may be but also shows other things: these are
blurred (Yang et al. 2023, "Fine-Grained Visual Prompting", found that best among ways to point CLIP at something). The
object rendered alone shows nothing else, and whole what something stands in front of. Both are made, in several views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy.ndimage import label
from torch import Tensor

from saga.export.rendering import Color, over_background, render_alpha, render_labels
from saga.raster import BlendOperator, DeviceScene
from saga.runtime.progress import tracked
from saga.scene import Camera

VERSION = 1
"""Of what is shown how: crops of another version are made again."""
VIEWS = 3
"""Views of each object."""
BACKGROUNDS: tuple[Color, ...] = ((1.0, 1.0, 1.0), (0.5, 0.5, 0.5))
"""What is behind an object alone: a white thing does not show before white."""
_MARGIN, _CONTEXT = 0.08, 0.15
"""Room around an object alone, and around it in a photograph, on each side, as a share of its size."""
_PROBE = 128
"""Longer side in pixels of the pictures in which objects are looked for."""
_MOST_VIEWS = 64
"""At most so many views, evenly spaced, are looked at."""
_CANDIDATES = 8
"""Views of an object of which it is found out how much of it is hidden there."""
_WELL = 0.4
"""A view shows an object well when it does so at least this share as well as the best one."""
_OPAQUE = 0.3
_SPECK = 0.1
"""A piece of what an object shows is part of it when it is at least this large, as a share of the largest."""
_BLUR = 0.03
"""Standard deviation of the blur around an object, as a share of the picture's side."""


@dataclass(frozen=True)
class Sight:
    """Where an object is in a view."""

    camera: Camera
    """The view, an ideal pinhole."""
    box: tuple[float, float, float, float]
    """What the whole object covers, hidden or not: x0, y0, x1, y1 in pixels of the view."""
    share: float
    """Share of it that nothing hides, 0 to 1."""


def find_sights(
    scene: DeviceScene,
    members: Sequence[Tensor],  # each [N] bool
    progress: bool = True,
) -> list[list[Sight]]:
    """Finds the views of each object that show it largest, least hidden and not cut off, from different sides.

    Args:
        scene: the scene on a device, with cameras.
        members: Gaussians of each object; of one in several objects, the last has it where they are looked for.
        progress: whether to show a bar on standard error.

    Returns:
        Up to `VIEWS` sights of each object, best first; none for one that no view shows.
    """
    cameras = scene.scene.cameras
    cameras = [cameras[i] for i in np.linspace(0, len(cameras) - 1, min(len(cameras), _MOST_VIEWS)).round().astype(int)]
    probes = [_probe(camera) for camera in cameras]
    labels = np.zeros(len(scene.valid), np.int64)
    for number, each in enumerate(members, 1):
        labels[each.cpu().numpy()] = number
    visible = np.zeros((len(probes), len(members) + 1), np.int64)
    for row, probe in enumerate(tracked(probes, progress, "views of objects", "views")):
        visible[row] = np.bincount(render_labels(scene, probe, labels).ravel(), minlength=len(members) + 1)
    sights = []
    for number, each in enumerate(members, 1):
        seen = visible[:, number]
        well = np.flatnonzero(seen > _WELL * seen.max())
        rows = _spread([cameras[row] for row in well], int(seen[well].argmax()), _CANDIDATES) if len(well) else []
        found = [_sight(scene, cameras[row], probes[row], each, int(seen[row])) for row in well[rows].tolist()]
        sights.append(_from_different_sides([pair for pair in found if pair is not None]))
    return sights


def crops_of(
    scene: DeviceScene,
    member: Tensor,  # [N] bool
    sights: Sequence[Sight],
    side: int,
) -> list[np.ndarray]:  # each [side, side, 3] uint8
    """Returns pictures of one object: in each sight alone before every background, then in the photograph.

    Without a photograph the colors of the whole scene are rendered there instead.
    """
    shown = []
    for sight in sights:
        window = _window(sight, side, _MARGIN)
        rgba = _rendered(scene, window, member)
        shown += [over_background(rgba[..., :3], rgba[..., 3], background) for background in BACKGROUNDS]
        alpha = _rendered(scene, _window(sight, side, _CONTEXT), member)[..., 3].cpu().numpy()
        shown.append(_blurred_around(_surrounded(scene, sight, side), alpha))
    return shown


def _probe(camera: Camera) -> Camera:
    scale = min(1.0, _PROBE / max(camera.width, camera.height))
    size = max(1, round(camera.width * scale)), max(1, round(camera.height * scale))
    return replace(camera.resized(*size), lens=None)


def _sight(
    scene: DeviceScene,
    camera: Camera,
    probe: Camera,
    member: Tensor,  # [N] bool
    visible: int,
) -> tuple[float, Sight] | None:
    """Tells how well a view shows an object, and where; None where there is nothing of it by itself."""
    alone = _without_specks(render_alpha(scene, probe, member) > _OPAQUE)
    rows, columns = np.flatnonzero(alone.any(1)), np.flatnonzero(alone.any(0))
    if len(rows) == 0:
        return None
    x, y = camera.width / probe.width, camera.height / probe.height
    box = (columns[0] * x, rows[0] * y, (columns[-1] + 1) * x, (rows[-1] + 1) * y)
    share = min(1.0, visible / int(alone.sum()))
    cut = bool(alone[[0, -1]].any() or alone[:, [0, -1]].any())
    return visible * share * (0.5 if cut else 1.0), Sight(replace(camera, lens=None), box, share)


def _without_specks(
    mask: np.ndarray,  # [H, W] bool
) -> np.ndarray:  # [H, W] bool
    """Returns the larger pieces of a mask: a stray Gaussian far off does not make the object small in its picture."""
    pieces, count = label(mask)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    areas[0] = 0
    return np.asarray((areas >= _SPECK * areas.max())[pieces] & mask)


def _from_different_sides(found: list[tuple[float, Sight]]) -> list[Sight]:
    """The best sight, and those of the good ones that look from the most different directions."""
    if not found:
        return []
    worths = np.array([worth for worth, _ in found])
    good = [found[i][1] for i in np.argsort(-worths, kind="stable") if worths[i] >= _WELL * worths.max()]
    return [good[i] for i in _spread([sight.camera for sight in good], 0, VIEWS)]


def _spread(cameras: Sequence[Camera], first: int, count: int) -> list[int]:
    """Chooses cameras one after the other, each looking in the direction farthest from those chosen."""
    directions = np.stack([camera.world_to_camera[2, :3] for camera in cameras])
    chosen, nearest = [first], directions @ directions[first]
    while len(chosen) < min(count, len(cameras)):
        nearest[chosen] = 2.0
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, directions @ directions[chosen[-1]])
    return chosen


def _window(sight: Sight, side: int, margin: float) -> Camera:
    """The camera whose picture of so many pixels square is filled by the object, with a margin around it."""
    x0, y0, size = _square(sight, margin)
    zoom, camera = side / size, sight.camera
    return replace(
        camera,
        width=side,
        height=side,
        fx=camera.fx * zoom,
        fy=camera.fy * zoom,
        cx=(camera.cx - x0) * zoom,
        cy=(camera.cy - y0) * zoom,
        image_path=None,
    )


def _square(sight: Sight, margin: float) -> tuple[float, float, float]:
    """Left, top and side of the square around an object, in pixels of its view."""
    x0, y0, x1, y1 = sight.box
    size = (1 + 2 * margin) * max(x1 - x0, y1 - y0, 1.0)
    return (x0 + x1 - size) / 2, (y0 + y1 - size) / 2, size


def _rendered(
    scene: DeviceScene,
    camera: Camera,
    member: Tensor,  # [N] bool
) -> Tensor:  # [H, W, 4]
    geometry = scene.geometry.of_rows(member.to(scene.device))
    colors = torch.from_numpy(scene.scene.gaussians.colors(camera.position)).to(scene.device)[member.to(scene.device)]
    return BlendOperator(geometry, camera).render(torch.cat([colors, torch.ones_like(colors[:, :1])], dim=1))


def _surrounded(scene: DeviceScene, sight: Sight, side: int) -> np.ndarray:  # [side, side, 3]
    """The square around an object in its view's picture; what lies outside the picture is gray."""
    x0, y0, size = _square(sight, _CONTEXT)
    picture = Image.fromarray(scene.picture(sight.camera.name))
    box = (x0, y0, x0 + size, y0 + size)
    whole = (side, side)
    # Beyond the picture's rim `transform` fills in; `resize` alone takes boxes inside only.
    inside = min(box[0], box[1]) >= 0 and box[2] <= picture.width and box[3] <= picture.height
    if inside:
        return np.asarray(picture.resize(whole, Image.Resampling.BICUBIC, box, reducing_gap=3.0))
    padded = Image.new("RGB", (round(size), round(size)), (128, 128, 128))
    padded.paste(picture, (round(-x0), round(-y0)))
    return np.asarray(padded.resize(whole, Image.Resampling.BICUBIC, reducing_gap=3.0))


def _blurred_around(
    picture: np.ndarray,  # [side, side, 3] uint8
    alpha: np.ndarray,  # [side, side]
) -> np.ndarray:  # [side, side, 3] uint8
    """Returns a picture that is sharp where the object is."""
    blurred = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(_BLUR * len(picture))))
    share = alpha[..., None].clip(0, 1)
    return np.asarray((share * picture + (1 - share) * blurred).round().astype(np.uint8))
