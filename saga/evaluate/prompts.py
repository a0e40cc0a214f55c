"""Prompts made from the true masks."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from saga.evaluate.clicks import Pixel, jitter, place_clicks
from saga.evaluate.task import Prompting, Variant
from saga.evaluate.truth import Masks
from saga.query import Prompt

_EVERY = 4
"""Prompt views are every fourth in the order of the object's size, so that they are not neighbors."""


def prompt_views(truth: Masks, count: int) -> list[str]:
    """The views an object is asked for in: where it is largest, then every fourth in the order of its size."""
    ranked = sorted(truth, key=lambda view: -int(np.count_nonzero(truth[view])))
    return ranked[: count * _EVERY : _EVERY]


def truth_variants(truth: Masks, views: Sequence[str], prompting: Prompting, kind: str) -> list[Variant]:
    """Clicks on the object, or its true mask itself, in each of some views."""
    if kind == "mask":
        return [mask_variant(view, truth[view]) for view in views]
    return [
        variant
        for view in views
        for count in prompting.clicks
        for variant in point_variants(view, place_clicks(truth[view], count), (), truth[view], prompting, count)
    ]


def point_variants(
    view: str,
    points: Sequence[Pixel],
    negative: Sequence[Pixel],
    on: np.ndarray,  # [H, W] bool
    prompting: Prompting,
    clicks: int = 0,
) -> list[Variant]:
    """Points as placed, and `prompting.jitter` times with every positive point displaced within `on`."""
    variants = [Variant(Prompt(view, points, negative), "points", clicks)] if points else []
    for repeat in range(1, prompting.jitter + 1 if points else 1):
        rng = np.random.default_rng([prompting.seed, zlib.crc32(f"{view} {clicks} {repeat}".encode())])
        moved = jitter(points, on, prompting.jitter_radius, rng)
        variants.append(Variant(Prompt(view, moved, negative), "points", clicks, repeat))
    return variants


def mask_variant(
    view: str,
    mask: np.ndarray,  # [H, W] bool
) -> Variant:
    """A given mask."""
    return Variant(Prompt(view, mask=mask), "mask")
