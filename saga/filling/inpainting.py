"""What fills the holes of rectified pictures: patches of what is around, or what another package brings.

A learned inpainter is a function; `saga.filling.fill` takes it as it is. The commands know it by a name when its
package says where it is, by an entry point in pyproject.toml:

    [project.entry-points."saga.inpainters"]
    lama = "my_package.lama:inpaint"
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

import numpy as np

from saga.errors import SagaError
from saga.filling.patches import synthesized

Inpainter = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Fills a hole of a picture.

It is given the picture, RGB from 0 to 1, float64 [h, w, 3], where it is known, bool [h, w], and where it is to be
filled, bool [h, w]; what is neither is continued smoothly, as the hole is before. It returns a picture of that shape,
of which the hole is taken.
"""

BUILTIN: dict[str, Inpainter] = {"patches": synthesized}
"""Inpainters of the package by their names."""


def inpainter_by_name(name: str) -> Inpainter:
    """Returns an inpainter of this package or of another one's entry point.

    Raises:
        SagaError: there is none of this name, or it cannot be loaded.
    """
    if name in BUILTIN:
        return BUILTIN[name]
    points = {point.name: point for point in entry_points(group="saga.inpainters")}
    if name not in points:
        raise SagaError(
            f"inpainter: expected one of {', '.join([*BUILTIN, *points])}, found {name!r}; name one, or install its "
            "package."
        )
    try:
        return cast(Inpainter, points[name].load())
    except (ImportError, AttributeError) as error:
        raise SagaError(
            f"inpainter {name}: expected {points[name].value}, found that it cannot be loaded ({error}); install its "
            "package again, or name another."
        ) from error


def checked(inpaint: Inpainter) -> Inpainter:
    """Returns an inpainter whose result is known to be a picture of the size that it was given.

    The one that is returned raises SagaError for a result that is none.
    """

    def call(
        image: np.ndarray,  # [h, w, 3]
        known: np.ndarray,  # [h, w] bool
        hole: np.ndarray,  # [h, w] bool
    ) -> np.ndarray:  # [h, w, 3]
        made = np.asarray(inpaint(image, known, hole), np.float64)
        if made.shape != image.shape or not np.isfinite(made).all():
            raise SagaError(
                f"inpainter: expected a picture of numbers [{image.shape[0]}, {image.shape[1]}, 3], found one of "
                f"{list(made.shape)}{'' if np.isfinite(made).all() else ' with NaN'}; correct it, or take another."
            )
        return made

    return call
