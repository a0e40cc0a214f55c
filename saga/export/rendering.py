"""Pictures of Gaussians: masks of a segmentation and color images.

All of them are in the pixels of the camera's photograph: what is rendered is the ideal pinhole around it, and
`saga.scene.lens` takes the picture back through the lens. Give a camera without its lens for the pinhole's own pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from saga.raster import BlendOperator, DeviceScene
from saga.raster.majority import MIN_ALPHA, Majority
from saga.raster.surroundings import Surroundings
from saga.scene.camera import Camera
from saga.scene.lens import image_to_photograph, pinhole_around
from saga.scene.scene import Scene

Color = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""

WHITE: Color = (1.0, 1.0, 1.0)

_LABEL_BATCH = 32


def render_masks(
    scene: Scene | DeviceScene,
    cameras: Sequence[Camera],
    member: Tensor | np.ndarray,  # [N] bool
) -> Iterator[np.ndarray]:  # each [H, W]
    """Yields the mask of a set of Gaussians in every view: bool [H, W] in pixels of the photograph.

    A pixel is inside when members make up more than half of what it shows: render(1[member]) / alpha > 0.5,
    where alpha > 0.5. So members hidden behind others do not count. Costs what the Gaussians in front
    of, behind and around the members cost to render, not the scene.
    """
    placed = DeviceScene.of(scene)
    geometry = placed.geometry
    member = torch.as_tensor(member).to(geometry.device)
    surroundings, majority = Surroundings(geometry, member), Majority(placed, member)
    for camera in cameras:
        pinhole = pinhole_around(camera)
        mask = np.zeros((pinhole.height, pinhole.width), bool)
        window = surroundings.window(pinhole)
        if window is not None:
            x0, y0, x1, y1 = window
            mask[y0:y1, x0:x1] = majority.mask(pinhole.cropped(*window)).cpu().numpy()
        yield image_to_photograph(camera, pinhole, mask, order=0)


def render_labels(
    scene: Scene | DeviceScene,
    camera: Camera,
    labels: np.ndarray,  # [N] integer, 0 = none
) -> np.ndarray:  # [H, W]
    """Returns the label that makes up most of each pixel of the photograph, int32; 0 where alpha <= 0.5 or 0 wins.

    Labels are rendered 32 at a time, so memory does not grow with their number.
    """
    geometry, pinhole = DeviceScene.of(scene).geometry, pinhole_around(camera)
    operator, device = BlendOperator(geometry, pinhole), geometry.device
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
    scene: Scene | DeviceScene,
    camera: Camera,
    member: Tensor | np.ndarray,  # [N] bool
) -> np.ndarray:  # [H, W]
    """Returns the opacity float32 [H, W] of the members in pixels of the photograph, as if they were alone."""
    geometry, pinhole = DeviceScene.of(scene).geometry, pinhole_around(camera)
    alone = geometry.of_rows(torch.as_tensor(member).to(geometry.device))
    alpha = BlendOperator(alone, pinhole).alpha().cpu().numpy()
    return image_to_photograph(camera, pinhole, alpha)


def render_color(
    scene: Scene | DeviceScene,
    camera: Camera,
    background: Color = WHITE,
    member: Tensor | np.ndarray | None = None,  # [N] bool
) -> np.ndarray:  # [H, W, 3]
    """Returns a color image of the Gaussians, or of the members alone, uint8 RGB in pixels of the photograph.

    Args:
        scene: the scene; its colors are evaluated for the camera's position.
        camera: the view.
        background: shows where the Gaussians are not opaque, and at the rim that no pinhole reaches.
        member: render these only, as if the others did not exist.
    """
    placed, pinhole = DeviceScene.of(scene), pinhole_around(camera)
    shown = placed.bounds.reaching(pinhole)
    if member is not None:
        shown = shown[torch.as_tensor(member).to(shown.device)[shown]]
    colors = placed.scene.gaussians.colors(camera.position, shown.cpu().numpy())
    rgba = torch.from_numpy(np.pad(colors, ((0, 0), (0, 1)), constant_values=1)).to(placed.device)
    image = BlendOperator(placed.geometry.of_rows(shown), pinhole).render(rgba)
    picture = over_background(image[..., :3], image[..., 3], background)
    if camera.lens is None:
        return picture
    seen = image_to_photograph(camera, pinhole, np.ones(picture.shape[:2], bool), order=0)
    through_lens = image_to_photograph(camera, pinhole, picture)
    return np.where(seen[..., None], through_lens, np.round(255 * np.array(background)).astype(np.uint8))


def over_background(
    image: Tensor,  # [H, W, 3]
    alpha: Tensor,  # [H, W]
    background: Color,
) -> np.ndarray:  # [H, W, 3]
    """Returns a rendered image over a plain color, uint8 RGB [H, W, 3]."""
    blended = image + (1 - alpha[..., None]) * torch.tensor(background, device=image.device)
    return (blended.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
