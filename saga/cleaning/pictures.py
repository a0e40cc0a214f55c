"""What removing Gaussians does to the pictures: matched against the photographs, view by view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saga.raster import BlendOperator, DeviceScene
from saga.runtime.progress import tracked
from saga.scene import Camera

_RIDGE = 1e-3
_LEAST_ERROR = 1e-3
"""Mean squared error that no photograph is better than: 30 dB. Else those of perfect captures would tell of nothing."""
_TINY = 1e-12


@dataclass(frozen=True)
class Likeness:
    """How well a scene matches its photographs before something is removed, and after; PSNR in dB."""

    before: float
    after: float
    changes: dict[str, float]
    """Mean squared change of each view's picture, by the view's name."""

    @property
    def loss(self) -> float:
        """What removing costs, in dB; negative for a gain, 0 where nothing changes."""
        return 0.0 if self.before == self.after else self.before - self.after


def likeness(
    placed: DeviceScene,
    cameras: Sequence[Camera],
    removed: Tensor,  # [N] bool
    photographs: bool = True,
    progress: bool = False,
) -> Likeness:
    """Compares all views before and after some Gaussians are removed with the photographs, or with those before.

    Before they are compared, a rendering gets the brightness and the background, a gain and a color for each channel,
    that match it best: captures change their exposure. PSNR is of the mean squared error of all pixels of all views.

    Args:
        placed: the scene on a device.
        cameras: its views.
        removed: what is removed.
        photographs: whether to compare with the photographs; else with what the whole scene shows, where before is inf.
        progress: whether to show progress on standard error.

    Raises:
        SagaError: a photograph cannot be read.
    """
    before = after = 0.0
    pixels, changes = 0, {}
    for camera in tracked(cameras, progress, "comparing before and after", "views"):
        whole = rendered(placed, camera, torch.ones_like(removed))
        rest = rendered(placed, camera, ~removed)
        change = (whole - rest)[..., :3].square().mean(-1)
        changes[camera.name] = float(change.mean())
        if photographs:
            target = photograph_of(placed, camera)
            errors = [_error(picture, target) for picture in (whole, rest)]
        else:
            errors = [torch.zeros(1), change]
        before += float(errors[0].double().sum())
        after += float(errors[1].double().sum())
        pixels += camera.width * camera.height
    return Likeness(_psnr(before / max(pixels, 1)), _psnr(after / max(pixels, 1)), changes)


def worth_of(
    placed: DeviceScene,
    cameras: Sequence[Camera],
    candidates: Tensor,  # [N] bool
    progress: bool = False,
) -> Tensor:  # [N]
    """Tells how much the photographs miss each candidate when all of them are gone.

    Without the candidates a view shows R where the photograph shows R - r. Gaussian i of color c, put back, moves
    pixel p towards c by its weight A[p, i], which changes the squared error by 2 A r (c - R) + A^2 (c - R)^2. The sum
    over the pixels is made of products with A^T of 1, R, r, r R and R^2, the second power of A being taken for half
    the opacity times A, as it is for a splat that nothing covers. So each is judged against a picture that no other
    stray spoils.

    Args:
        placed: the scene on a device.
        cameras: its views, with photographs.
        candidates: what to ask for.
        progress: whether to show progress on standard error.

    Returns:
        By how much the mean squared error where a Gaussian shows falls when it is put back, in mean squared errors of
        the pictures without the candidates, float32 [N]: negative where it rises, 0 for what is no candidate.

    Raises:
        SagaError: a photograph cannot be read.
    """
    change = torch.zeros(len(candidates), device=placed.device)
    weight = torch.zeros_like(change)
    total, pixels = 0.0, 0
    if not bool(candidates.any()):
        return change
    rows = candidates.nonzero()[:, 0]
    for camera in tracked(cameras, progress, "asking the photographs", "views"):
        rest = rendered(placed, camera, ~candidates)
        target = photograph_of(placed, camera)
        shown, gain = matched(rest, target)
        off = shown - target
        parts = [torch.ones_like(off[..., :1]), shown, off, (off * shown).sum(-1, keepdim=True)]
        lifted = placed.operator(camera).lift(torch.cat([*parts, shown.square().sum(-1, keepdim=True)], dim=-1))[rows]
        colors = torch.from_numpy(placed.scene.gaussians.colors(camera.position, rows.cpu().numpy())).to(placed.device)
        colors = (colors * gain).clamp(0, 1)
        own, of_shown, of_off, of_both, of_square = lifted.split([1, 3, 3, 1, 1], dim=1)
        first = (colors * of_off).sum(1) - of_both[:, 0]
        second = (colors.square().sum(1) * own[:, 0] - 2 * (colors * of_shown).sum(1) + of_square[:, 0]).clamp_min(0)
        change[rows] += (2 * first + placed.geometry.opacities[rows] / 2 * second) / 3
        weight[rows] += own[:, 0]
        total += float(off.square().mean(-1).double().sum())
        pixels += camera.width * camera.height
    return -change / weight.clamp_min(_TINY) / max(total / max(pixels, 1), _LEAST_ERROR)


def rendered(
    placed: DeviceScene,
    camera: Camera,
    shown: Tensor,  # [N] bool
) -> Tensor:  # [H, W, 4]
    """Returns colors and opacity of a view of some Gaussians."""
    rows = placed.bounds.reaching(camera)
    rows = rows[shown[rows]]
    colors = torch.from_numpy(placed.scene.gaussians.colors(camera.position, rows.cpu().numpy())).to(placed.device)
    rgba = torch.nn.functional.pad(colors, (0, 1), value=1.0)
    return BlendOperator(placed.geometry.of_rows(rows), camera).render(rgba)


def photograph_of(placed: DeviceScene, camera: Camera) -> Tensor:  # [H, W, 3]
    """Returns the photograph of a view, RGB from 0 to 1. Raises SagaError where it cannot be read."""
    return torch.from_numpy(placed.picture(camera).copy()).to(placed.device, torch.float32) / 255


def _error(
    rendering: Tensor,  # [H, W, 4]
    photograph: Tensor,  # [H, W, 3]
) -> Tensor:  # [H, W]
    """Squared error of each pixel, mean of its channels, after the best fit."""
    return (matched(rendering, photograph)[0] - photograph).square().mean(-1)


def matched(
    rendering: Tensor,  # [H, W, 4]
    photograph: Tensor,  # [H, W, 3]
) -> tuple[Tensor, Tensor]:  # [H, W, 3], [3]
    """Returns a rendering with the gain and the background color of each channel that match a photograph best."""
    color, through = rendering[..., :3].reshape(-1, 3).double(), (1 - rendering[..., 3]).reshape(-1).double()
    target = photograph.reshape(-1, 3).double()
    ridge = _RIDGE * len(through)
    # Of each channel: [cc + r, ct; ct, tt + r] [gain, background] = [cy + r, ty + r]: towards a gain and a white of 1.
    cc, ct, tt = (color * color).sum(0) + ridge, (color * through[:, None]).sum(0), (through * through).sum() + ridge
    cy, ty = (color * target).sum(0) + ridge, (through[:, None] * target).sum(0) + ridge
    determinant = cc * tt - ct * ct
    gain, background = (cy * tt - ct * ty) / determinant, (cc * ty - ct * cy) / determinant
    fitted = (color * gain + through[:, None] * background).clamp(0, 1)
    return fitted.reshape(photograph.shape).float(), gain.float()


def _psnr(error: float) -> float:
    return -10 * math.log10(error) if error > 0 else math.inf
