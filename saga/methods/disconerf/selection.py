"""From a prompt in a view to the objects that it points at there."""

from __future__ import annotations

import numpy as np

from saga.errors import SagaError
from saga.query.prompts import CheckedPrompt

_SCRIBBLED = 0.05
"""Share of a scribble's pixels that an object must hold to be meant: a stroke slips over borders."""
_MOSTLY_INSIDE = 0.5
"""Share of an object's pixels inside a mask from which it may be a part of what the mask shows."""


def choose_objects(
    shown: np.ndarray,  # [H, W] int32
    prompt: CheckedPrompt,
    view: str,
) -> tuple[set[int], set[int]]:
    """Returns the numbers of the objects that a prompt means, and of those at its negative points.

    Args:
        shown: each pixel's object, 0 = none.
        prompt: the prompt.
        view: the view's name, for messages.

    Raises:
        SagaError: the prompt points where no object is shown.
    """
    if prompt.mask is not None:
        chosen = _best_union(shown, prompt.mask)
    elif prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        inside = np.zeros(shown.shape, bool)
        inside[y0:y1, x0:x1] = True
        chosen = _best_union(shown, inside)[:1]
    elif prompt.scribble is not None:
        counts = np.bincount(shown[prompt.scribble])
        counts[0] = 0
        chosen = np.flatnonzero(counts > _SCRIBBLED * counts.sum()).tolist()
    else:
        chosen = [_at(shown, x, y, view) for x, y in prompt.points.tolist()]
    left_out = {_at(shown, x, y, view) for x, y in prompt.negative.tolist()}
    if not chosen and not left_out:
        raise SagaError(f"prompt: expected a region that shows an object, but {view} shows none there.")
    return set(chosen), left_out


def _at(shown: np.ndarray, x: int, y: int, view: str) -> int:
    number = int(shown[y, x])
    if number == 0:
        raise SagaError(
            f"point {x},{y}: expected a pixel that shows the scene, but no object reaches it in {view}; "
            "click on the object."
        )
    return number


def _best_union(shown: np.ndarray, region: np.ndarray) -> list[int]:
    """Returns objects whose union fits a region: that of the largest IoU, then those mostly inside that raise it."""
    areas = np.bincount(shown.ravel())
    inside = np.bincount(shown[region], minlength=len(areas))
    candidates = np.flatnonzero(inside[1:]) + 1
    if len(candidates) == 0:
        return []
    overlap = inside[candidates] / (areas[candidates] + region.sum() - inside[candidates])
    chosen = [int(candidates[overlap.argmax()])]
    both, either, best = inside[chosen[0]], areas[chosen[0]] + region.sum() - inside[chosen[0]], overlap.max()
    for number in sorted(set(candidates.tolist()) - set(chosen), key=lambda k: -inside[k]):
        union = (both + inside[number]) / (either + areas[number] - inside[number])
        if inside[number] > _MOSTLY_INSIDE * areas[number] and union > best:
            both, either, best = both + inside[number], either + areas[number] - inside[number], union
            chosen.append(number)
    return chosen
