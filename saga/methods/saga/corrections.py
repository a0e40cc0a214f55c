"""Further points correct what the first one means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from saga.methods.base import ViewPrompt

_SCRAP = 0.05
"""Share of what the first point selects, below which what is selected for all points is a scrap."""
_SPREAD = 1.3
"""The same, above which it has spread to something else."""


def is_corrected(prompts: Sequence[ViewPrompt]) -> bool:
    """Whether there are points after the first positive one, and nothing drawn, which says all by itself."""
    points = sum(len(prompt.parts.points) for prompt in prompts)
    negative = sum(len(prompt.parts.negative) for prompt in prompts)
    return points > 0 and points + negative > 1 and not any(_drawn(prompt) for prompt in prompts)


def first_of(prompts: Sequence[ViewPrompt]) -> ViewPrompt:
    """The first positive point of prompts that have one, alone."""
    first = next(prompt for prompt in prompts if len(prompt.parts.points) > 0)
    parts = replace(first.parts, points=first.parts.points[:1], negative=first.parts.negative[:0])
    return replace(first, parts=parts)


def is_correction(share: float, first: float) -> bool:
    """Whether a selection for all points, by its share of what views show, is one of the first point's, corrected."""
    return _SCRAP * first <= share <= _SPREAD * first


def _drawn(prompt: ViewPrompt) -> bool:
    parts = prompt.parts
    return parts.box is not None or parts.mask is not None or parts.scribble is not None
