"""Gaussians across the border of a segmentation: split, and given to the side that each part is seen on.

A segmentation takes Gaussians whole. One that reaches over an object's edge sticks out of the object as a spike,
or out of the rest of the scene. Blending weights tell: lifted onto the Gaussians, the pixels that members
dominate give the share of each Gaussian's visible weight that lies inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.raster.geometry import TENSORS
from saga.raster.majority import MIN_ALPHA
from saga.raster.surroundings import Surroundings
from saga.scene import Camera, Gaussians, Scene
from saga.scene.ply import MEANS, SCALES

_VIEWS = 12
_LEAST_WEIGHT = 0.5
"""A Gaussian that all views together show less of, in pixels, is not judged."""
_MOSTLY_INSIDE = 0.9
"""Up to this share inside, a member straddles the border."""
_LEVELS = 3
"""Halvings of one Gaussian at most: into eighths."""
_OFFSET = 0.6
"""Of the halves from the center, in standard deviations."""
_NEIGHBOR = 4
_LEAST_EXTENT, _LONG = 0.5, 2.0
"""Longest axis over the distance to the fourth neighbor: of what can stick out at all, and of what is sure to."""
_FEW = 0.1
"""Of a pixel: where the others show less, the long ones have a say after all."""


@dataclass(frozen=True, eq=False)
class Parts:
    """A scene's Gaussians after splitting: those that stay, in the PLY's order, and then the new ones."""

    gaussians: Gaussians
    """M Gaussians in the layout of the scene's PLY."""
    member: np.ndarray  # [M]
    """Which of them are the object's, bool [M]."""
    split: int
    """How many of the scene's Gaussians were replaced by parts."""
    moved: int
    """How many members went to the rest whole."""


def split_boundary(
    scene: Scene | DeviceScene,
    member: Tensor,  # [N] bool
) -> Parts:
    """Splits the members that straddle the object's border, and hands over what lies outside.

    A member seen mostly on pixels that the rest dominates is the rest's. One seen there to a tenth or more is
    halved along its longest axis, up to three times, and each part goes where it is seen; members whose
    parts all stay are left as they were. The rest gives nothing: what of it is seen on the object's pixels is
    mostly the background that shines through.

    Untouched rows keep their bits, and parts have their parent's properties but for the center and the scales.
    At most 12 views are looked at, evenly spaced. Computes on the device of the scene, else on that of `member`.

    Raises SagaError when there are members and no cameras.
    """
    device_scene = DeviceScene.of(scene, member.device)
    if device_scene.scene.gaussians.layout.has_filter:
        raise SagaError("split-boundary: expected a scene without filter_3D, found one of Mip-Splatting; leave it out.")
    geometry, gaussians, cameras = device_scene.geometry, device_scene.scene.gaussians, device_scene.scene.cameras
    if not bool(member.any()):
        return Parts(gaussians, member.cpu().numpy(), 0, 0)
    if not cameras:
        raise SagaError("split_boundary: expected views, found none; give cameras, or do not split.")
    member = member.to(geometry.device)
    extent = _extent(geometry, member)
    outline = Outline(geometry, member, extent > _LONG, cameras[:: -(-len(cameras) // _VIEWS)])
    share = outline.share_inside(geometry, member)
    kept = member & ~(share < 0.5)
    straddling = kept & (share <= _MOSTLY_INSIDE) & (extent > _LEAST_EXTENT)  # not those that are unseen: NaN
    leaves, owner, inside = _halve(geometry, straddling, outline)
    owned, owned_inside = (torch.bincount(o, minlength=len(member)) for o in (owner, owner[inside]))
    kept &= ~(straddling & (owned_inside == 0))
    split = (owned_inside > 0) & (owned_inside < owned)
    used = split[owner]
    return Parts(
        _replaced(gaussians, split.cpu().numpy(), owner[used].cpu().numpy(), leaves.of_rows(used)),
        torch.cat([kept[~split], inside[used]]).cpu().numpy(),
        int(split.sum()),
        int((member & ~kept).sum()),
    )


class Outline:
    """The pixels that an object shows in some views, to judge by them which side a Gaussian lies on."""

    def __init__(
        self,
        geometry: Geometry,
        member: Tensor,  # [N] bool
        long: Tensor,  # [N] bool, members
        cameras: Sequence[Camera],
    ) -> None:
        """Finds in each view where alpha > 0.5, and where members show more than others do.

        Long members have no say where others show: a spike would make the pixels that it covers the object's.
        """
        self._views: list[tuple[Camera, Tensor]] = []
        surroundings = Surroundings(geometry, member)
        for camera in cameras:
            around = surroundings.seen_by(camera)
            if bool(around.any()):
                own, spike = member[around], long[around]
                kinds = torch.stack([own & ~spike, own & spike, ~own], dim=1).to(torch.float32)
                short, long_ones, others = BlendOperator(geometry.of_rows(around), camera).render(kinds).unbind(-1)
                inside = torch.where(short + others < _FEW, short + long_ones > others, short > others)
                solid = short + long_ones + others > MIN_ALPHA
                self._views.append((camera, torch.stack([inside & solid, solid], dim=-1)))

    def share_inside(
        self,
        geometry: Geometry,
        asked: Tensor,  # [M] bool
    ) -> Tensor:  # [M]
        """Returns the share of each Gaussian's visible weight that falls on the object's pixels, float32 [M].

        A^T inside / A^T solid, each summed over the views. NaN for Gaussians that hardly anything is seen of,
        and for those that are not asked for. The geometry need not be that which the outline was made from.
        """
        surroundings = Surroundings(geometry, asked)
        sums = torch.zeros(len(geometry), 2, device=geometry.device)
        for camera, pixels in self._views:
            around = surroundings.seen_by(camera)
            if bool(around.any()):
                sums[around] += BlendOperator(geometry.of_rows(around), camera).lift(pixels.to(torch.float32))
        judged = asked & (sums[:, 1] >= _LEAST_WEIGHT)
        return torch.where(judged, sums[:, 0] / sums[:, 1], torch.nan)


def halves(geometry: Geometry) -> Geometry:
    """Two parts for each of n Gaussians, [2 n]: the lower ones of all along their longest axes, then the upper ones.

    The parts lie 0.6 standard deviations from the center and keep opacity, rotation and the other axes. The
    longest is shortened such that both, composited, cover as much as the whole: with standard deviation s
    and offset d in units of the whole's, and opacity o, 2 s - o s exp(-d^2 / s^2) / sqrt(2) = 1.
    """
    length = torch.full_like(geometry.opacities, 0.5)
    for _ in range(20):  # a contraction by far: s is between 0.5 and 0.57
        length = 1 / (2 - geometry.opacities * (-((_OFFSET / length) ** 2)).exp() / math.sqrt(2))
    rows, longest = torch.arange(len(geometry), device=geometry.device), geometry.scales.argmax(1)
    offset = _OFFSET * geometry.scales[rows, longest, None] * _axes(geometry.quaternions, longest)
    scales = geometry.scales.clone()
    scales[rows, longest] *= length
    parts = [replace(geometry, means=geometry.means + sign * offset, scales=scales) for sign in (-1, 1)]
    return _joined(*parts)


def _halve(
    geometry: Geometry,
    straddling: Tensor,  # [N] bool
    outline: Outline,
) -> tuple[Geometry, Tensor, Tensor]:
    """Returns parts of the straddling Gaussians: their geometry, whose part each is, int64 [L], and bool [L] inside."""
    whole = geometry.of_rows(~straddling)
    leaves, owner = geometry.of_rows(straddling), straddling.nonzero()[:, 0]
    inside, mixed = torch.ones_like(owner, dtype=torch.bool), torch.ones_like(owner, dtype=torch.bool)
    for _ in range(_LEVELS):
        if not bool(mixed.any()):
            break
        fresh = halves(leaves.of_rows(mixed))
        leaves = _joined(leaves.of_rows(~mixed), fresh)
        owner = torch.cat([owner[~mixed], owner[mixed], owner[mixed]])
        inside = torch.cat([inside[~mixed], inside[mixed], inside[mixed]])
        scene = _joined(whole, leaves)
        asked = torch.arange(len(scene), device=owner.device) >= len(scene) - len(fresh)
        share = outline.share_inside(scene, asked)[len(whole) :]
        inside &= ~(share < 0.5)
        mixed = (share >= 0.5) & (share <= _MOSTLY_INSIDE)
    return leaves, owner, inside


def _extent(
    geometry: Geometry,
    member: Tensor,  # [N] bool
) -> Tensor:  # [N]
    """Returns the longest axis of the members in units of the distance to their fourth neighbor; 0 for others."""
    from scipy.spatial import cKDTree  # loaded when needed: it takes a twentieth of a click

    means, rows = geometry.means.cpu().numpy(), member.cpu().numpy()
    nearest = min(_NEIGHBOR + 1, len(means))  # a point is the first of its own neighbors
    distance = cKDTree(means).query(means[rows], k=[nearest], workers=-1)[0][:, 0]
    extent = torch.zeros_like(geometry.opacities)
    extent[member] = geometry.scales[member].amax(1) / torch.from_numpy(distance).to(extent).clamp_min(1e-12)
    return extent


def _axes(
    quaternions: Tensor,  # [n, 4]
    axis: Tensor,  # [n] int64
) -> Tensor:  # [n, 3]
    """Returns the world direction of one axis of each Gaussian: a column of its rotation matrix."""
    w, xyz = quaternions[:, :1], quaternions[:, 1:]
    unit = torch.nn.functional.one_hot(axis, 3).to(quaternions)
    turned = unit + 2 * torch.linalg.cross(xyz, torch.linalg.cross(xyz, unit) + w * unit)
    result: Tensor = turned / turned.norm(dim=1, keepdim=True)
    return result


def _joined(*geometries: Geometry) -> Geometry:
    tensors = {name: torch.cat([getattr(g, name) for g in geometries]) for name in TENSORS}
    return Geometry(**tensors, unit=geometries[0].unit)


def _replaced(
    gaussians: Gaussians,
    gone: np.ndarray,  # [N] bool
    parents: np.ndarray,  # [K]
    parts: Geometry,
) -> Gaussians:
    """Returns the Gaussians without those that are gone, and the parts of these."""
    means, scales = parts.means.cpu().numpy(), parts.scales.cpu().numpy()
    rows = gaussians.vertices[parents]
    for k, (mean, scale) in enumerate(zip(MEANS, SCALES, strict=True)):
        rows[mean] = means[:, k]
        if scale not in gaussians.layout.scales:
            continue  # the thin axis of a surfel, along which nothing is split
        shorter = scales[:, k] != gaussians.scales[parents, k]  # the other axes keep their bits
        rows[scale][shorter] += np.log(scales[shorter, k] / gaussians.scales[parents, k][shorter])
    stay = ~gone
    return replace(
        gaussians,
        means=np.concatenate([gaussians.means[stay], means]),
        scales=np.concatenate([gaussians.scales[stay], scales]),
        quaternions=np.concatenate([gaussians.quaternions[stay], gaussians.quaternions[parents]]),
        opacities=np.concatenate([gaussians.opacities[stay], gaussians.opacities[parents]]),
        valid=np.concatenate([gaussians.valid[stay], gaussians.valid[parents]]),
        vertices=np.concatenate([gaussians.vertices[stay], rows]),
    )
