"""Pictures of Gaussians: masks of a segmentation and color images.

All of them are in the pixels of the camera's photograph: what is rendered is the ideal pinhole around it, and
`saga.scene.lens` takes the picture back through the lens. Give a camera without its lens for the pinhole's own pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from saga.export.culling import Surroundings
from saga.raster import BlendOperator, Geometry
from saga.scene.camera import Camera
from saga.scene.gaussians import Gaussians
from saga.scene.lens import image_to_photograph, pinhole_around

Color = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""

WHITE: Color = (1.0, 1.0, 1.0)

MIN_ALPHA = 0.5
"""A pixel belongs to whatever the Gaussians show there only where they cover at least half of it."""

_LABEL_BATCH = 32


def render_masks(
    geometry: Geometry,
    cameras: Sequence[Camera],
    member: Tensor,  # [N] bool
) -> Iterator[np.ndarray]:  # each [H, W]
    """The mask of a set of Gaussians in every view: bool [H, W] in pixels of the photograph, in turn.

    A pixel is inside when members make up more than half of what it shows: render(1[member]) / alpha > 0.5,
    where alpha > 0.5. So members hidden behind others do not count. Costs what the Gaussians in front
    of, behind and around the members cost to render, not the scene.
    """
    member = member.to(geometry.means.device)
    surroundings = Surroundings(geometry, member)
    for camera in cameras:
        pinhole = pinhole_around(camera)
        around = surroundings.seen_by(pinhole)
        if not bool(around.any()):
            yield np.zeros((camera.height, camera.width), bool)
            continue
        own = member[around].to(torch.float32)
        both = torch.stack([own, torch.ones_like(own)], dim=1)
        inside, alpha = BlendOperator(select(geometry, around), pinhole).render(both).unbind(-1)
        mask = ((inside > 0.5 * alpha) & (alpha > MIN_ALPHA)).cpu().numpy()
        yield image_to_photograph(camera, pinhole, mask, order=0)


def render_labels(
    geometry: Geometry,
    camera: Camera,
    labels: np.ndarray,  # [N] integer, 0 = none
) -> np.ndarray:  # [H, W]
    """The label that makes up most of each pixel of the photograph, int32 [H, W]; 0 where alpha <= 0.5 or 0 wins.

    Labels are rendered 32 at a time, so memory does not grow with their number.
    """
    pinhole = pinhole_around(camera)
    operator = BlendOperator(geometry, pinhole)
    device = geometry.means.device
    ids = torch.from_numpy(labels.astype(np.int64)).to(device)
    present = torch.unique(ids)
    share = torch.zeros(pinhole.height, pinhole.width, device=device)
    alpha, winner = torch.zeros_like(share), torch.zeros_like(share, dtype=torch.int64)
    for some in present.split(_LABEL_BATCH):
        shares = operator.render((ids[:, None] == some).to(torch.float32))
        alpha += shares.sum(-1)
        best, index = shares.max(-1)
        winner = torch.where(best > share, some[index], winner)
        share = torch.maximum(share, best)
    shown = torch.where(alpha > MIN_ALPHA, winner, 0).to(torch.int32).cpu().numpy()
    return image_to_photograph(camera, pinhole, shown, order=0)


def render_alpha(
    geometry: Geometry,
    camera: Camera,
    member: Tensor,  # [N] bool
) -> np.ndarray:  # [H, W]
    """Opacity float32 [H, W] of the members alone in pixels of the photograph, as if the others did not exist."""
    pinhole = pinhole_around(camera)
    alpha = BlendOperator(select(geometry, member.to(geometry.means.device)), pinhole).alpha().cpu().numpy()
    return image_to_photograph(camera, pinhole, alpha)


def render_color(
    gaussians: Gaussians,
    geometry: Geometry,
    camera: Camera,
    background: Color = WHITE,
    member: Tensor | None = None,  # [N] bool
) -> np.ndarray:  # [H, W, 3]
    """Color image uint8 RGB [H, W, 3] of the Gaussians, or of the members alone, in pixels of the photograph.

    Args:
        gaussians: the scene; its colors are evaluated for the camera's position.
        geometry: the same Gaussians on the device to render with.
        camera: the view.
        background: shows where the Gaussians are not opaque; the rim that no pinhole reaches is black.
        member: render these only, as if the others did not exist.
    """
    colors = torch.from_numpy(gaussians.colors(camera.position)).to(geometry.means.device)
    if member is not None:
        member = member.to(geometry.means.device)
        geometry = select(geometry, member)
        colors = colors[member]
    rgba = torch.cat([colors, torch.ones_like(colors[:, :1])], dim=1)
    pinhole = pinhole_around(camera)
    image = BlendOperator(geometry, pinhole).render(rgba)
    return image_to_photograph(camera, pinhole, over_background(image[..., :3], image[..., 3], background))


def over_background(
    image: Tensor,  # [H, W, 3]
    alpha: Tensor,  # [H, W]
    background: Color,
) -> np.ndarray:  # [H, W, 3]
    """A rendered image over a plain color, uint8 RGB [H, W, 3]."""
    blended = image + (1 - alpha[..., None]) * torch.tensor(background, device=image.device)
    return (blended.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def select(
    geometry: Geometry,
    member: Tensor,  # [N] bool
) -> Geometry:
    """The members' geometry alone."""
    return replace(
        geometry,
        means=geometry.means[member],
        scales=geometry.scales[member],
        quaternions=geometry.quaternions[member],
        opacities=geometry.opacities[member],
    )
