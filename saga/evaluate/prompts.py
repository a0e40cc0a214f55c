"""Prompts as a person would give them, made from true masks."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from saga.evaluate.cases import PromptConfig, PromptKind, TaskPrompt
from saga.evaluate.truth import TrueMasks
from saga.query.prompts import Prompt

Pixel = tuple[int, int]
"""x, y."""

_CLICK_SPACING = 1.2
"""The next click is at least this many times the largest distance from the border away from the one before."""
_LEAST_BORDER_DISTANCE_PX = 2
"""A further click nearer to the border than this is not placed."""
_VIEW_STRIDE = 4
"""Prompt views are every fourth in the order of the object's size, so that they are not neighbors."""


def place_clicks(
    mask: np.ndarray,  # [H, W] bool
    count: int,
) -> list[Pixel]:
    """Returns the pixel farthest from the object's border, then likewise in what is left around the clicks so far.

    There are fewer than `count` when the object has no room for them, none for an empty mask; an object of one pixel
    still gets its click.
    """
    distance = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    points: list[Pixel] = []
    ys, xs = np.ogrid[: mask.shape[0], : mask.shape[1]]
    while len(points) < count and distance.max() >= (_LEAST_BORDER_DISTANCE_PX if points else 1):
        y, x = np.unravel_index(int(distance.argmax()), distance.shape)
        points.append((int(x), int(y)))
        distance = distance * ((ys - y) ** 2 + (xs - x) ** 2 > (_CLICK_SPACING * distance.max()) ** 2)
    return points


def displace(
    points: Sequence[Pixel],
    on: np.ndarray,  # [H, W] bool
    radius: int,
    rng: np.random.Generator,
) -> list[Pixel]:
    """Moves each point at random to a pixel of `on` that is at most `radius` px away, itself included."""
    ys, xs = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    offsets = np.stack([xs, ys], axis=-1)[xs**2 + ys**2 <= radius**2]
    moved = []
    for point in points:
        near = offsets + point
        near = near[(near >= 0).all(1) & (near < (on.shape[1], on.shape[0])).all(1)]
        near = near[on[near[:, 1], near[:, 0]]]
        x, y = near[rng.integers(len(near))] if len(near) else point
        moved.append((int(x), int(y)))
    return moved


def prompt_views(truth: TrueMasks, count: int) -> list[str]:
    """Returns the views an object is asked for in: where it is largest, then every fourth in the order of its size."""
    ranked = sorted(truth, key=lambda view: -int(np.count_nonzero(truth[view])))
    return ranked[: count * _VIEW_STRIDE : _VIEW_STRIDE]


def truth_prompts(truth: TrueMasks, views: Sequence[str], config: PromptConfig, kind: PromptKind) -> list[TaskPrompt]:
    """Makes prompts in each of some views: clicks on the object, or its true mask itself."""
    if kind == "mask":
        return [mask_prompt(view, truth[view]) for view in views]
    return [
        prompt
        for view in views
        for count in config.clicks
        for prompt in point_prompts(view, place_clicks(truth[view], count), (), truth[view], config, count)
    ]


def point_prompts(
    view: str,
    points: Sequence[Pixel],
    negative: Sequence[Pixel],
    on: np.ndarray,  # [H, W] bool
    config: PromptConfig,
    clicks: int = 0,
) -> list[TaskPrompt]:
    """Makes a prompt of the points as placed, and `config.jitter` with every positive point displaced within `on`."""
    if not points:
        return []
    prompts = [TaskPrompt(Prompt(view, points, negative), "points", clicks)]
    for repeat in range(1, config.jitter + 1):
        rng = np.random.default_rng([config.seed, zlib.crc32(f"{view} {clicks} {repeat}".encode())])
        moved = displace(points, on, config.jitter_radius, rng)
        prompts.append(TaskPrompt(Prompt(view, moved, negative), "points", clicks, repeat))
    return prompts


def mask_prompt(
    view: str,
    mask: np.ndarray,  # [H, W] bool
) -> TaskPrompt:
    """Makes a prompt of a given mask."""
    return TaskPrompt(Prompt(view, mask=mask), "mask")
