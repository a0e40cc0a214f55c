"""Corrections: each further point says where an answer is wrong, and the likeliest one without that fault follows.

A person who corrects points at the middle of the largest fault that shows. So what would have made that fault is
likely, what would have made a larger one elsewhere is not; and what is near the answer before, and ends at closed
borders, is likelier than what is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saga.regions.clicks import Click
from saga.regions.evidence import holds
from saga.regions.judgment import Judgment
from saga.regions.proposals import proposals
from saga.regions.scene_regions import SceneRegions

_WORTH, _LIKE, _MIDDLE, _OPENED = 1.5, 2.0, 2.0, 4.0
"""Powers of what speaks for a corrected answer, relative to what else does: see `_likelihoods`."""
_MOST_SEEN = 0.5
"""Share of what is added that is most of it."""
_ANYHOW = 0.05
"""Likelihood of a point that is at the border of the fault, or of one far smaller than another."""


def corrected(
    judgment: Judgment,
    cells: np.ndarray,  # [L]
    first: Sequence[np.ndarray],  # [L] each
    clicks: Sequence[Click],
) -> np.ndarray:  # [L]
    """What further points make of an answer.

    They are followed in the order in which a person gave them, as far as it is known: positive and negative ones are
    each in order, and of the next two it was the one that the answer so far has on the wrong side. So the answer to
    more points continues that to fewer.

    Args:
        judgment: what sets of cells are worth, and the regions to choose from.
        cells: the answer, bool [L].
        first: what the points show that made the answer, which stay in it.
        clicks: the further points.

    Returns:
        The set, bool [L]; points that contradict earlier ones are not followed.
    """
    waiting = [[each for each in clicks if each.positive == side] for side in (True, False)]
    inside, outside = list(first), list[np.ndarray]()
    while any(waiting):
        next_ones = [each[0] for each in waiting if each]
        click = next((each for each in next_ones if each.wrong(cells[None])[0]), next_ones[0])
        waiting[0 if click.positive else 1].pop(0)
        (inside if click.positive else outside).append(click.shown)
        if click.wrong(cells[None])[0]:
            offered = proposals(judgment.regions, judgment.pool, cells, click)
            for shown in inside:
                offered = offered[holds(offered, shown)]
            for shown in outside:
                offered = offered[~holds(offered, shown)]
            if len(offered) > 0:
                likeliest = offered[int(_likelihoods(judgment, cells, offered, click).argmax())]
                cells = as_far_as_seen(judgment.regions.shares, cells, likeliest, click)
            else:
                (inside if click.positive else outside).pop()
    return cells


def as_far_as_seen(
    shares: np.ndarray,  # [L]
    before: np.ndarray,  # [L]
    after: np.ndarray,  # [L]
    click: Click,
) -> np.ndarray:  # [L]
    """What becomes of an answer: where most of what is added is not in the picture, only what is in it.

    A person who points at the edge of a picture has seen no more.
    """
    seen = np.bincount(click.picture.ravel() + 1, minlength=len(before) + 1)[1:] > 0
    added = after & ~before
    if shares @ (added & seen) >= _MOST_SEEN * (shares @ added):
        return after
    return after & (before | seen)


def _likelihoods(
    judgment: Judgment,
    before: np.ndarray,  # [L]
    after: np.ndarray,  # [R, L]
    click: Click,
) -> np.ndarray:  # [R]
    """Logarithm of how likely each set of cells is the object that a person meant who was shown another.

    The power of each part is one unless it is named above. Growth counts against it as the ratio of the sizes: what a
    person pointed at first is seldom a small part of the object.
    """
    regions = judgment.regions
    middle, largest = faults(click, before, after)
    found: np.ndarray = (
        _WORTH * np.log(judgment.worth(after) + 1e-3)
        + _LIKE * np.log(judgment.likeness(after))
        - np.log(np.maximum(after @ regions.shares / max(before @ regions.shares, 1e-9), 1.0))
        + _MIDDLE * np.log(middle + _ANYHOW)
        + np.log(largest + _ANYHOW)
        - _OPENED * opened(regions, before, after)
    )
    return found


def faults(
    click: Click,
    before: np.ndarray,  # [L]
    after: np.ndarray,  # [R, L]
) -> tuple[np.ndarray, np.ndarray]:  # [R], [R]
    """How a point lies in the fault that an answer would have, if each of other sets of cells were the object.

    Returns:
        How far it is from the border of the fault's piece around it, as a share of the farthest place there; and the
        size of that piece, as a share of the largest piece. Both are 0 where it shows no fault.
    """
    from scipy.ndimage import distance_transform_edt, find_objects, label  # loaded when needed: a tenth of a click

    middle, largest = np.zeros((2, len(after)))
    for index, members in enumerate(after):
        fault = np.append(members != before, False)[click.picture]
        if not fault[click.place]:
            continue
        pieces, _ = label(fault)
        own = pieces[click.place]
        rows, columns = find_objects(pieces)[own - 1]
        piece = np.pad(pieces[rows, columns] == own, 1)
        depth = distance_transform_edt(piece)
        middle[index] = depth[click.place[0] - rows.start + 1, click.place[1] - columns.start + 1] / depth.max()
        largest[index] = np.count_nonzero(piece) / np.bincount(pieces.ravel())[1:].max()
    return middle, largest


def opened(
    regions: SceneRegions,
    before: np.ndarray,  # [L]
    after: np.ndarray,  # [R, L]
) -> np.ndarray:  # [R]
    """How much more open the borders are that sets of cells have and another has not than those that it has alone.

    It is from -1 to 1, where all borders that change are one kind and either all closed or all open.
    """
    one, other = regions.borders
    had, has = before[one] != before[other], after[:, one] != after[:, other]
    gained, lost = has & ~had, had & ~has
    lengths, gaps = regions.lengths, regions.lengths * (1 - regions.closed)
    changed: np.ndarray = (gained @ gaps - lost @ gaps) / np.maximum((gained | lost) @ lengths, 1e-9)
    return changed
