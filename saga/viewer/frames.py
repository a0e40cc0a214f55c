"""Pictures that are rendered here for pages that cannot draw splats themselves, and the camera of such a page."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saga.raster import BlendOperator, DeviceScene
from saga.scene import Camera
from saga.scene.orbit import look_at
from saga.viewer.display import pinhole

_MOVING, _STILL = 300, 720
"""Height of a picture in pixels while the camera moves, and when it rests."""
_STEPS = 64
"""Movements of a hand that one picture takes in at most."""


@dataclass(frozen=True)
class Orbit:
    """A camera that turns around a point of the world."""

    target: np.ndarray  # [3]
    position: np.ndarray  # [3]
    up: np.ndarray  # [3]
    field_of_view: float
    """Of the height, in radians."""

    def moved(self, steps: Sequence[Sequence[object]]) -> Orbit:
        """Returns the camera after movements of a hand: "orbit" and "pan" by shares of the height, "zoom" by clicks."""
        here = self
        for kind, x, y in (step for step in steps[:_STEPS] if len(step) == 3):
            dx, dy = (min(max(float(value), -3.0), 3.0) for value in (x, y))  # type: ignore[arg-type]
            here = {"orbit": here._turned, "pan": here._panned, "zoom": here._zoomed}.get(str(kind), here._stay)(dx, dy)
        return here

    def camera(self, width: int, height: int) -> Camera:
        """Returns the camera with a picture of so many pixels."""
        pose = look_at(self.position, self.target, self.up)
        return pinhole(self.position, pose[:3, :3].T, self.field_of_view, width, height)

    def _turned(self, dx: float, dy: float) -> Orbit:
        arm = self.position - self.target
        arm = _rotated(arm, self.up, -math.pi * dx)
        aside = np.cross(self.up, arm)
        tilted = _rotated(arm, aside / np.linalg.norm(aside), -math.pi * dy)
        steep = abs(float(tilted @ self.up)) / np.linalg.norm(tilted)
        return replace(self, position=self.target + (tilted if steep < 0.995 else arm))

    def _panned(self, dx: float, dy: float) -> Orbit:
        pose = look_at(self.position, self.target, self.up)
        reach = 2 * float(np.linalg.norm(self.position - self.target)) * math.tan(self.field_of_view / 2)
        shift = -reach * (dx * pose[0, :3] + dy * pose[1, :3])
        return replace(self, position=self.position + shift, target=self.target + shift)

    def _zoomed(self, clicks: float, _: float) -> Orbit:
        return replace(self, position=self.target + (self.position - self.target) * 1.12**clicks)

    def _stay(self, *_: float) -> Orbit:
        return self


def orbit_of(camera: Camera, target: np.ndarray, up: np.ndarray) -> Orbit:  # [3], [3]
    """Returns a camera's place, turning around a point ahead of it that is as far away as `target`."""
    forward = camera.world_to_camera[2, :3]
    apart = max(float((target - camera.position) @ forward), 1e-6)
    angle = 2 * math.atan(camera.height / 2 / camera.fy)
    return Orbit(camera.position + apart * forward, camera.position, up, angle)


def size_of(width: int, height: int, still: bool) -> tuple[int, int]:
    """Returns width and height of the picture that is rendered for a page of a size in pixels."""
    width, height = min(max(width, 16), 8192), min(max(height, 16), 8192)
    factor = min(1.0, (_STILL if still else _MOVING) / height, 2048 / width)
    return max(16, round(width * factor)), max(16, round(height * factor))


@dataclass(frozen=True, eq=False)
class _View:
    """What a camera sees of some Gaussians, without the selection."""

    key: tuple[object, ...]
    """What decides it."""
    colors: np.ndarray | None  # [N, 3]
    """The very array that it was rendered from; None for depth."""
    member: Tensor  # [n] int64
    operator: BlendOperator
    image: Tensor  # [H, W, 3]


class Painter:
    """Renders what a page shows; the last view is kept, so another selection in it takes a fraction of the time."""

    def __init__(self, scene: DeviceScene) -> None:
        """Takes the scene."""
        self._scene = scene
        self._last: _View | None = None

    def picture(
        self,
        camera: Camera,
        colors: np.ndarray | None,  # [N, 3]
        selected: np.ndarray,  # [N] bool
        only: str,
        background: tuple[float, float, float],
        rows: np.ndarray | None = None,  # [n]
    ) -> bytes:
        """Renders what a page shows, as JPEG: the scene in colors, or its depth without, and the selection over it.

        Args:
            camera: the page's.
            colors: of every Gaussian, red, green and blue, 0 to 1; None shows depth.
            selected: the selection.
            only: all, isolate, hide or cutout.
            background: red, green and blue, 0 to 1.
            rows: the Gaussians that are drawn while the camera moves; all by default.
        """
        kept = np.ones(len(selected), bool)
        if rows is not None:
            kept = np.zeros(len(selected), bool)
            kept[rows] = True
        if only in ("isolate", "cutout"):
            kept &= selected
        elif only == "hide":
            kept &= ~selected
        view = self._view(camera, colors, kept, (0.0, 0.0, 0.0) if only == "cutout" else background)
        image = view.image
        if only == "all" and selected.any():
            chosen = torch.from_numpy(selected).to(image.device)[view.member].float()[:, None]
            inside = view.operator.render(chosen)
            image = image + 0.55 * inside * (torch.tensor([1.0, 0.42, 0.0], device=image.device) - image)
        pixels = (image.clamp(0, 1) * 255).round().byte().cpu().numpy()
        box = io.BytesIO()
        Image.fromarray(pixels).save(box, "JPEG", quality=88)
        return box.getvalue()

    def _view(
        self,
        camera: Camera,
        colors: np.ndarray | None,  # [N, 3]
        kept: np.ndarray,  # [N] bool
        background: tuple[float, float, float],
    ) -> _View:
        lens = (camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)
        key = (lens, camera.world_to_camera.tobytes(), background, np.packbits(kept).tobytes())
        last = self._last
        if last is not None and last.key == key and _same(last.colors, colors):
            return last
        device, geometry = self._scene.device, self._scene.geometry
        member = torch.from_numpy(np.flatnonzero(kept)).to(device)
        parts = {name: getattr(geometry, name)[member] for name in ("means", "scales", "quaternions", "opacities")}
        operator = BlendOperator(replace(geometry, **parts), camera)
        pose = torch.from_numpy(camera.world_to_camera[2]).to(parts["means"])
        depth = (parts["means"] @ pose[:3] + pose[3])[:, None]
        shown = depth if colors is None else torch.from_numpy(colors).to(device, torch.float32)[member]
        *channels, alpha = operator.render(torch.cat([shown, torch.ones_like(depth)], dim=1)).unbind(-1)
        image = torch.stack(channels, -1) if colors is not None else _gray(channels[0], alpha)
        image = image + (1 - alpha[..., None]) * torch.tensor(background, device=device)
        self._last = _View(key, colors, member, operator, image)
        return self._last


def _same(
    one: np.ndarray | None,  # [N, 3]
    other: np.ndarray | None,  # [N, 3]
) -> bool:
    """Whether colors are equal, which takes far less time than rendering them."""
    if one is None or other is None:
        return one is other
    return one is other or np.array_equal(one, other)


def _gray(
    depth: Tensor,  # [H, W]
    alpha: Tensor,  # [H, W]
) -> Tensor:  # [H, W, 3]
    """Returns blended depth as gray, near is light; times alpha, as blended colors are."""
    seen = alpha > 0.5
    apart = torch.where(seen, depth / alpha.clamp(min=1e-6), torch.inf)
    if not bool(seen.any()):
        return torch.zeros(*depth.shape, 3, device=depth.device)
    low, high = (float(apart[seen].quantile(share)) for share in (0.01, 0.99)) if seen.sum() < 2**24 else (0.0, 1.0)
    light = 1 - 0.9 * ((apart - low) / max(high - low, 1e-9)).clamp(0, 1)
    return (light * alpha)[..., None].expand(*depth.shape, 3)


def _rotated(vector: np.ndarray, axis: np.ndarray, angle: float) -> np.ndarray:  # [3] each
    """Turns a vector around a unit axis (Rodrigues)."""
    turned: np.ndarray = (
        vector * math.cos(angle)
        + np.cross(axis, vector) * math.sin(angle)
        + axis * float(axis @ vector) * (1 - math.cos(angle))
    )
    return turned
