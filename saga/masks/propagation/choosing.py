"""The masks of one view: of each thing the tracked one that its surface confirms, or what its surface shows there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from saga.masks.propagation.agreement import pairwise_overlaps
from saga.masks.propagation.config import PropagationConfig
from saga.masks.propagation.route import Route
from saga.masks.propagation.sights import Sights
from saga.masks.propagation.things import Reader, Things

_RIM, _KNOWN_RIM = 2, 0.9
"""A filled mask stands where this share of the small pixels so far around it is known."""


@dataclass(frozen=True)
class ViewThings:
    """The masks of a view and whose they are."""

    masks: np.ndarray  # [M, H, W]
    """bool, at the view's size."""
    ids: np.ndarray  # [M]
    """Thing of each mask, from 1, int32; the same in every view."""
    filled: np.ndarray  # [M]
    """Which masks no tracker found, bool."""


def masks_at(
    sights: Sights, route: Route, things: Things, position: int, read: Reader, config: PropagationConfig
) -> ViewThings:
    """Returns the masks of the view at a position of the route.

    Args:
        sights: the views.
        route: their order.
        things: what was found.
        position: where on the route.
        read: hands out the tracked masks.
        config: settings.
    """
    view = route.views[position]
    shape = (sights.cameras[view].height, sights.cameras[view].width)
    count = things.members.shape[0]
    members = things.members.toarray().T.astype(bool)  # [N, K]
    shown, _ = sights.render(view, members, np.ones(sights.count, bool))
    chosen = _chosen(sights, things, position, view, shown, read, config.fits)
    missing = [number for number in range(count) if number not in chosen and shown[number].any()]
    filled = _filled(sights, things, view, members, shown, missing, config) if config.filled else {}
    found = {**chosen, **filled}
    order = sorted(found)
    masks = np.array([found[number] for number in order], bool).reshape(len(order), *shape)
    ids = np.array(order, np.int32) + 1
    return ViewThings(masks, ids, np.array([number in filled for number in order], bool))


def _chosen(
    sights: Sights,
    things: Things,
    position: int,
    view: int,
    shown: np.ndarray,  # [K, h, w] bool
    read: Reader,
    fits: float,
) -> dict[int, np.ndarray]:
    """Returns the tracked mask of each thing that is most like what its surface shows, bool [H, W], if it is like it.

    Masks of the thing's own tracks go before all others; among these are those that were cut off a track and fit after
    all, and those of a tracker that took one thing for another.
    """
    best: dict[int, tuple[bool, float]] = {}
    chosen: dict[int, np.ndarray] = {}
    for keyframe in dict.fromkeys(run.keyframe for run in things.runs if position in run.positions):
        masks = read(keyframe, position)
        scores = pairwise_overlaps(sights.shrink(view, masks), shown)
        own = {
            run.track: int(owner)
            for run, owner in zip(things.runs, things.owner, strict=True)
            if run.keyframe == keyframe and position in run.positions
        }
        for track, thing in zip(*np.nonzero(scores >= fits), strict=True):
            rank = (own.get(int(track)) == thing, float(scores[track, thing]))
            if rank > best.get(int(thing), (False, 0.0)):
                best[int(thing)], chosen[int(thing)] = rank, masks[track]
    return chosen


def _filled(
    sights: Sights,
    things: Things,
    view: int,
    members: np.ndarray,  # [N, K] bool
    shown: np.ndarray,  # [K, h, w] bool
    missing: list[int],
    config: PropagationConfig,
) -> Mapping[int, np.ndarray]:
    """Returns what a view shows of things that have no mask there, bool [H, W] each, where enough of them is known."""
    camera = sights.cameras[view]
    numbers = [number for number in missing if shown[number].mean() >= config.smallest]
    if not numbers:
        return {}
    known = np.unpackbits(things.known[numbers], axis=1, count=sights.count).view(bool).T
    seen, something = sights.render(view, known, np.ones(sights.count, bool))
    kept = [number for number, at in zip(numbers, seen, strict=True) if _surrounded(shown[number], at | ~something)]
    if not kept:
        return {}
    values = np.concatenate([members[:, kept], np.ones((sights.count, 1), bool)], axis=1)
    blended = sights.scene.operator(camera.name).render(torch.from_numpy(values).to(sights.scene.device, torch.float32))
    inside = (blended[..., :-1] > 0.5 * blended[..., -1:].clamp(min=1e-4)).cpu().numpy()
    return {number: inside[..., index] for index, number in enumerate(kept)}


def _surrounded(
    shown: np.ndarray,  # [h, w] bool
    known: np.ndarray,  # [h, w] bool
) -> bool:
    """Whether what lies around a mask is known, so that it ends where the thing does and not where knowledge does."""
    rim = binary_dilation(shown, iterations=_RIM) & ~shown
    return bool(rim.any()) and float(known[rim].mean()) >= _KNOWN_RIM
