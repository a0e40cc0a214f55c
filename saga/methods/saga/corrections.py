"""Further points correct what the first one, or what was drawn, means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from saga.methods.base import ViewPrompt


def is_corrected(prompts: Sequence[ViewPrompt]) -> bool:
    """Whether there are points besides the first positive one, or besides what was drawn."""
    points = sum(len(prompt.parts.points) + len(prompt.parts.negative) for prompt in prompts)
    return points > (0 if any(_drawn(prompt) for prompt in prompts) else 1)


def parted(prompts: Sequence[ViewPrompt]) -> tuple[list[ViewPrompt], list[ViewPrompt]]:
    """What an answer starts from, and the points that correct it.

    It starts from all that was drawn, or else from the first positive point alone.
    """
    drawn = [prompt for prompt in prompts if _drawn(prompt)]
    if drawn:
        return [_with_points(prompt, 0) for prompt in drawn], list(prompts)
    start = next(index for index, prompt in enumerate(prompts) if len(prompt.parts.points) > 0)
    first = prompts[start]
    rest = replace(first, parts=replace(first.parts, points=first.parts.points[1:]))
    return [_with_points(first, 1)], [*prompts[:start], rest, *prompts[start + 1 :]]


def _with_points(prompt: ViewPrompt, positive: int) -> ViewPrompt:
    parts = prompt.parts
    return replace(prompt, parts=replace(parts, points=parts.points[:positive], negative=parts.negative[:0]))


def _drawn(prompt: ViewPrompt) -> bool:
    parts = prompt.parts
    return parts.box is not None or parts.mask is not None or parts.scribble is not None
