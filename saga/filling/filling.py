"""The rest of a scene without an object, and no hole where the object stood."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from torch import Tensor

from saga.errors import SagaError
from saga.filling.closing import Closed, close
from saga.filling.inpainting import Inpainter, checked, inpainter_by_name
from saga.filling.leftovers import leftovers_of
from saga.filling.openings import Object, Opening, find_openings
from saga.filling.relighting import Relit, light_on, painted_anew, relit, without_shadow
from saga.filling.shadows import Light
from saga.filling.sights import Evidence, Sight, look_around
from saga.filling.splats import Flakes, with_flakes
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.surface import fuse
from saga.raster import DeviceScene
from saga.runtime.progress import tracked
from saga.scene import Gaussians, Scene

_SAMPLE = 800
"""Centers of the object's Gaussians that stand for it."""
_STRAYS = 0.02
"""Share of them on each side that may lie outside its box."""
_UNSEEN, _INSIDE = 0.1, 0.35
"""Share of what the views show of most Gaussians around the object, of which they show less where it is chance; and
what they show on the object's pixels, relative to elsewhere, from which it is chance too."""
_UNDER, _OVER = 5.0, 0.25
"""How far such Gaussians lie behind a filled surface, in tolerances, and before it, in sizes of the object, that go."""


@dataclass(frozen=True, eq=False)
class Filling:
    """The rest of a scene without an object, filled."""

    gaussians: Gaussians
    """The rest, and the new Gaussians behind; all have the property `filled`, 1 for new ones."""
    filled: np.ndarray  # [M]
    """Which of them are new, bool."""
    report: dict[str, Any]
    """What was filled as JSON values: "gaussians", how many are new; "dropped", how many of the rest no view shows and
    were in the way or leftovers of the object; "relit", how many of the rest have other colors, without the object's
    shadow; "surfaces", for each its "kind" (flat or round), "normal", "area" in square world units, "rim", the share of
    the rim that is seen, "cell", the side of a cell of its picture, and "gaussians"; "not_filled", why nothing was, or
    None."""


def fill(
    scene: Scene | DeviceScene,
    member: Tensor,  # [N] bool
    inpainter: Inpainter | str = "patches",
    progress: bool = True,
    keep_shadow: bool = False,
) -> Filling:
    """Takes an object out of a scene and closes the surfaces that it leaves open.

    Planes beside the object, else the round surface that it lies in, are looked for in what up to 24 views see. An
    opening is what no view shows of one, none looks through, and only the object hides. Its appearance is rectified
    from the views that see it, inpainted, and turned into flat Gaussians as dense as the surface's own. Nothing is
    filled where a view shows something: new Gaussians lie behind what the views show of the object.

    Where an object clearly casts a shadow on a plane, the light that it takes is given back: Gaussians of the plane in
    its shadow are made brighter, those in the deepest take the picture's color, and what is filled is as bright as the
    place is without the object.

    Gaussians of the rest that the views hardly show, or only where they show the object, are left out where a new
    surface lies, and where they are leftovers of the object: what they look like is chance.

    Args:
        scene: the scene with its views, on a device or not.
        member: the object.
        inpainter: fills the hole of a rectified picture: a function, or the name of one.
        progress: whether to show progress on standard error.
        keep_shadow: whether the object's shadow stays where it is; what is filled goes on in it.

    Raises:
        SagaError: there are no views, nothing or everything is the object, there is no such inpainter, or it returns
            no picture.
    """
    placed = DeviceScene.of(scene, member.device)
    member = member.to(placed.device)
    paint = checked(inpainter_by_name(inpainter) if isinstance(inpainter, str) else inpainter)
    if not placed.scene.cameras:
        raise SagaError("fill: expected views, found none; give cameras, or do not fill.")
    if not bool(member.any()) or bool(member.all()):
        raise SagaError("fill: expected an object and a rest, found one of them alone; select a part of the scene.")
    sights, evidence = look_around(placed, member, progress)
    thing = _object_of(placed.geometry.means[member].cpu().double().numpy())
    surface = fuse([sight.grid() for sight in sights], SceneMaskConfig()) if sights else None
    openings = [] if surface is None else find_openings(sights, surface, thing)
    rest = (~member & placed.valid).cpu().numpy()
    chance, shown = rest & _by_chance(evidence), evidence.outside.cpu().numpy()
    seen = rest & ~chance
    lights = {} if keep_shadow else _lights(openings, sights, placed, member.cpu().numpy(), seen, thing.size)
    closed: list[tuple[Opening, Closed]] = []
    shadows: list[Relit] = []
    for opening in tracked(openings, progress, "filling what the object hid", "surfaces"):
        light = lights.get(id(opening.sheet.plane))
        made = close(opening, sights, placed, member.cpu().numpy(), np.where(seen, shown, 0), paint, light, keep_shadow)
        if made is not None:
            closed.append((opening, made))
        if light is not None:
            painted = None if made is None else made.painted
            shadows.append(without_shadow(opening.sheet, light, placed.scene.gaussians.means, painted))
        elif made is not None:
            shadows.append(painted_anew(opening.sheet, placed.scene.gaussians.means, made.painted))
    gone = leftovers_of(placed.scene.gaussians, member.cpu().numpy(), chance, seen)
    for opening, made in closed:
        gone[made.fringe] = True
        gone |= rest & (chance | made.doubtful) & _in_the_way(opening, made, placed.scene.gaussians.means, thing.size)
    kept = ~member.cpu().numpy() & ~gone
    brighter = Relit.joined(shadows)
    flakes = Flakes.joined([made.flakes for _, made in closed])
    gaussians = with_flakes(relit(placed.scene.gaussians, brighter), kept, flakes)
    reason = None if closed else _reason(len(sights), len(openings))
    if reason is not None:
        warnings.warn(f"fill: nothing was filled: {reason}", stacklevel=2)
    new = np.arange(len(gaussians)) >= np.count_nonzero(kept)
    facts = {
        "gaussians": int(np.count_nonzero(new)),
        "dropped": int(np.count_nonzero(gone)),
        "relit": int(np.count_nonzero(kept[brighter.rows])),
        "surfaces": [_described(opening, made) for opening, made in closed],
        "not_filled": reason,
    }
    return Filling(gaussians, new, facts)


def _lights(
    openings: Sequence[Opening],
    sights: Sequence[Sight],
    placed: DeviceScene,
    member: np.ndarray,  # [N] bool
    seen: np.ndarray,  # [N] bool
    size: float,
) -> dict[int, Light]:
    """Returns the light on the planes of openings on which the object casts a clear shadow, by the plane's identity."""
    found: dict[int, Light | None] = {}
    for opening in openings:
        if opening.flat and id(opening.sheet.plane) not in found:
            found[id(opening.sheet.plane)] = light_on(opening.sheet, sights, placed, member, seen, size)
    return {plane: light for plane, light in found.items() if light is not None}


def _object_of(
    means: np.ndarray,  # [m, 3]
) -> Object:
    low, high = np.quantile(means, (_STRAYS, 1 - _STRAYS), axis=0)
    some = means[:: max(1, len(means) // _SAMPLE)]
    inside = ((some >= low) & (some <= high)).all(1)
    return Object(some[inside] if inside.any() else some, max(float(np.linalg.norm(high - low)), 1e-9))


def _by_chance(evidence: Evidence) -> np.ndarray:  # [N]
    """Tells which Gaussians the views hardly show, or only where the object is seen, bool."""
    outside, inside = evidence.outside.cpu().numpy(), evidence.inside.cpu().numpy()
    shown = outside[outside > 1]
    least = _UNSEEN * float(np.median(shown)) if len(shown) else 0.0
    return np.asarray((outside <= least) | (inside > _INSIDE * outside))


def _in_the_way(
    opening: Opening,
    made: Closed,
    means: np.ndarray,  # [N, 3]
    size: float,
) -> np.ndarray:  # [N]
    """Tells which Gaussians lie in what was filled, shortly before it or behind, bool."""
    sheet = opening.sheet
    cells, heights, over = sheet.over(means)
    wide = ndimage.binary_dilation(made.region, iterations=2)
    near = (heights > -_UNDER * sheet.tolerance - sheet.cell) & (heights < _OVER * size)
    return np.asarray(over & near & wide[tuple(cells.T)])


def _described(opening: Opening, made: Closed) -> dict[str, Any]:
    sheet = opening.sheet
    return {
        "kind": "flat" if opening.flat else "round",
        "normal": [round(float(value), 4) for value in sheet.plane.normal],
        "area": float(made.region.sum() * sheet.cell**2),
        "rim": round(opening.rim, 3),
        "cell": sheet.cell,
        "gaussians": len(made.flakes),
    }


def _reason(sights: int, openings: int) -> str:
    """Says why nothing was filled."""
    if sights == 0:
        return "no view shows the object as a whole"
    if openings == 0:
        return "the object hides no part of a surface that is seen around it"
    return "too little is seen of the surface around what the object hides"
