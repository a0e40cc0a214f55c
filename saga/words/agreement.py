"""Things that views have found each by itself, lifted to Gaussians: those on which the views agree.

A detector sees one picture. What it finds there is lifted (A^T of the mask) and rendered in the other views: two
detections are of the same object where each looks there like the other (`saga.methods.consensus` compares masks in this
way too). An object is what most of the views that show it have found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from saga.export.rendering import render_masks
from saga.methods.fusion import lifted, pairwise_iou, probability
from saga.raster import BlendOperator, DeviceScene
from saga.scene import Camera

_PIXELS = 60_000
"""Masks are compared in images of about this size."""
_SAME = 0.5
"""IoU from which two masks show the same object."""
_LEAST_PIXELS = 6
"""A mask of fewer of these pixels says nothing."""
_LEAST_KNOWN = 0.2
"""Share of a mask that another view must know to be compared with it."""
_ROUNDS = 2
"""Times that an object is looked for among the detections, once it is known where it is."""


_CHANNELS = 64
"""Detections that are rendered at once."""
_Pair: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""Two detections, each by its view and its place there."""


@dataclass(frozen=True)
class ViewMasks:
    """What was found in one view."""

    camera: Camera
    """The view."""
    masks: np.ndarray  # [M, H, W] bool
    """In the view's pixels."""
    scores: np.ndarray  # [M]
    """How sure the model is, 0 to 1."""


@dataclass(frozen=True)
class AgreedObject:
    """An object that views have found."""

    members: Tensor  # [N] bool
    """Its Gaussians, of those that the views show."""
    shares: Tensor  # [N] float32
    """Share of each Gaussian's weight inside the masks, in the views that have found the object."""
    score: float
    """Score of a detection times its IoU with the object, mean over the views that show it; 0 where it is missed."""
    error: float
    """Standard error of `score` over the views."""
    views: tuple[str, ...]
    """The views that have found it."""
    showing: int
    """Number of views that show it."""
    agreed: bool
    """Whether most of them have found it, large pictures of it counting for more; and at least two, if two show it."""


@dataclass
class _View:
    """One view in a small image."""

    name: str
    operator: BlendOperator
    masks: Tensor  # [M, h, w] bool
    scores: np.ndarray  # [M]
    inside: Tensor  # [N, M] sparse
    total: Tensor  # [N]


def agree(scene: DeviceScene, found: Sequence[ViewMasks], most: int = 12) -> list[AgreedObject]:
    """Makes objects of what views have found, surest first.

    Args:
        scene: the scene on a device.
        found: what each view has found, also where that is nothing: it counts against what others found there.
        most: so many objects are made, those that views vouch for most.
    """
    views = [_opened(scene, each) for each in found]
    free = {(v, m) for v, view in enumerate(views) for m in range(len(view.masks))}
    alike = _alike(views)
    objects: list[AgreedObject] = []
    while free and len(objects) < most:
        group = _seed_group(views, alike, free)
        for _ in range(_ROUNDS):
            members, shares = _fused(views, group)
            shown = _shown(scene, views, members)
            before, group = group, _matching(views, shown, free, group)
            if group == before:
                break
        objects.append(_judged(views, group, shown, members, shares))
        free -= set(group.items())
    return sorted((each for each in objects if bool(each.members.any())), key=lambda each: -each.score)


def _opened(scene: DeviceScene, found: ViewMasks) -> _View:
    camera = found.camera
    scale = min(1.0, (_PIXELS / (camera.width * camera.height)) ** 0.5)
    small = camera.resized(max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
    operator = BlendOperator(scene.geometry, small)
    ys = ((np.arange(small.height) + 0.5) * camera.height / small.height).astype(int)
    xs = ((np.arange(small.width) + 0.5) * camera.width / small.width).astype(int)
    masks = torch.from_numpy(np.ascontiguousarray(found.masks[:, ys][:, :, xs]))
    large = masks.flatten(1).sum(1) >= _LEAST_PIXELS
    masks = masks[large]
    inside, total = lifted(operator, masks)
    # A mask holds few of a scene's Gaussians: most columns would be zeros.
    return _View(camera.name, operator, masks, found.scores[large.numpy()], inside.to_sparse(), total)


def _alike(views: list[_View]) -> dict[_Pair, float]:
    """How like each other detections of different views are, 0 to 1: the less of both directions, where it is known."""
    finding = [v for v, view in enumerate(views) if len(view.masks) > 0]
    one_way: dict[_Pair, float] = {}
    for some in _batches(views, finding):
        values = torch.cat([_values(views[v]) for v in some], dim=1)
        widths = [len(views[v].masks) + 1 for v in some]
        for w in finding:
            parts = probability(views[w].operator, values).cpu().split(widths, dim=-1)
            for v, rendered in zip(some, parts, strict=True):
                if v != w:
                    one_way |= {((v, m), (w, k)): iou for m, k, iou in _compared(rendered, views[w].masks)}
    return {pair: min(value, one_way.get((pair[1], pair[0]), value)) for pair, value in one_way.items()}


def _batches(views: list[_View], finding: list[int]) -> Iterator[list[int]]:
    """Views whose detections are rendered together: one pass over a scene serves many, but takes memory for each."""
    some: list[int] = []
    for v in finding:
        if some and sum(len(views[u].masks) + 1 for u in [*some, v]) > _CHANNELS:
            yield some
            some = []
        some.append(v)
    if some:
        yield some


def _values(view: _View) -> Tensor:  # [N, M + 1]
    """Share of each Gaussian inside each mask of a view, and whether the view shows it at all."""
    shares = view.inside.to_dense() / view.total.clamp(min=1e-6)[:, None]
    return torch.cat([shares, (view.total > 1e-6)[:, None].float()], dim=1)


def _compared(
    rendered: Tensor,  # [h, w, M + 1]
    masks: Tensor,  # [K, h, w] bool
) -> Iterator[tuple[int, int, float]]:
    """IoU of detections of one view with those of another, in what both know; of pairs of which enough is known."""
    known = rendered[..., -1] > 0.5
    shown = ((rendered[..., :-1] > 0.5 * rendered[..., -1:]) & known[..., None]).permute(2, 0, 1)
    iou = pairwise_iou(shown, masks & known)
    large = shown.flatten(1).sum(1) >= _LEAST_PIXELS
    seen = (masks & known).flatten(1).sum(1) >= _LEAST_KNOWN * masks.flatten(1).sum(1).clamp(min=1)
    for m in torch.nonzero(large)[:, 0].tolist():
        for k in torch.nonzero(seen)[:, 0].tolist():
            yield m, k, float(iou[m, k])


def _seed_group(views: list[_View], alike: dict[_Pair, float], free: set[tuple[int, int]]) -> dict[int, int]:
    """The detection that others vouch for most, with the one most like it in each other view; by view."""
    support = {each: float(views[each[0]].scores[each[1]]) for each in free}
    for (one, other), value in alike.items():
        if value >= _SAME and one in free and other in free:
            support[one] += value * float(views[other[0]].scores[other[1]])
    seed = max(sorted(free), key=lambda each: support[each])
    group, values = {seed[0]: seed[1]}, dict[int, float]()
    for (one, other), value in alike.items():
        if one == seed and other in free and value >= _SAME and value > values.get(other[0], 0.0):
            group[other[0]], values[other[0]] = other[1], value
    return group


def _fused(views: list[_View], group: dict[int, int]) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
    """The Gaussians that lie inside the masks of a group for the most part, and how much of each does."""
    inside = torch.zeros_like(views[0].total)
    total = torch.zeros_like(inside)
    for v, m in group.items():
        inside += views[v].inside.select(1, m).to_dense()
        total += views[v].total
    shares = torch.where(total > 1e-6, inside / total.clamp(min=1e-6), 0.0)
    return shares > 0.5, shares


def _shown(
    scene: DeviceScene,
    views: list[_View],
    members: Tensor,  # [N] bool
) -> list[Tensor]:  # each [h, w] bool
    """What each view shows of some Gaussians, which costs what is around them and not the scene."""
    cameras = [replace(view.operator.camera, lens=None) for view in views]
    return [torch.from_numpy(mask) for mask in render_masks(scene, cameras, members)]


def _matching(
    views: list[_View], shown: list[Tensor], free: set[tuple[int, int]], before: dict[int, int]
) -> dict[int, int]:
    """The free detection of each view that is most like what it shows of an object; the group before, if none is."""
    group = {}
    for v, view in enumerate(views):
        own = [m for m in range(len(view.masks)) if (v, m) in free]
        if not own or int(shown[v].sum()) < _LEAST_PIXELS:
            continue
        iou = pairwise_iou(view.masks[own], shown[v][None])[:, 0]
        if float(iou.max()) >= _SAME:
            group[v] = own[int(iou.argmax())]
    return group or before


def _judged(
    views: list[_View],
    group: dict[int, int],
    shown: list[Tensor],  # each [h, w] bool
    members: Tensor,  # [N] bool
    shares: Tensor,  # [N]
) -> AgreedObject:
    """How sure views are of an object: those that show it and have not found it count as much as those that have."""
    values, weights, agreeing = [], [], []
    for v, view in enumerate(views):
        area = int(shown[v].sum())
        if area < _LEAST_PIXELS and v not in group:
            continue
        value = 0.0
        if v in group:
            iou = float(pairwise_iou(view.masks[[group[v]]], shown[v][None])[0, 0])
            value = iou * float(view.scores[group[v]])
        values.append(value)
        weights.append(max(1, area) ** 0.5)
        agreeing.append(v in group)
    weight = np.array(weights) / sum(weights)
    score = float(weight @ np.array(values))
    spread = float(np.sqrt(weight @ (np.array(values) - score) ** 2))
    most = float(weight @ np.array(agreeing, float)) > 0.5 and len(group) >= min(2, len(values))
    names = tuple(views[v].name for v in sorted(group))
    return AgreedObject(members, shares, score, spread / len(values) ** 0.5, names, len(values), most)
