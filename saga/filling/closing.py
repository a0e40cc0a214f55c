"""Closing an opening: its appearance, and flat Gaussians that have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from skimage.morphology import convex_hull_image

from saga.filling.holes import Places, holes_of, look_at_sheet
from saga.filling.inpainting import Inpainter
from saga.filling.leftovers import ALIKE, unlikeness
from saga.filling.openings import Opening
from saga.filling.patches import diffused, seamless
from saga.filling.shadows import Light
from saga.filling.sheets import Sheet
from saga.filling.sights import Sight
from saga.filling.splats import Flakes
from saga.filling.texture import Texture, rectified
from saga.raster import BlendOperator, DeviceScene
from saga.scene import Camera, Gaussians

_COVERED = 0.75
"""Opacity of what is really seen from which a place is not filled."""
_LITTLE = 0.2
"""Share of what the views show of the surface's Gaussians, the median, of which they show less of doubtful ones."""
_DEEP = 0.6
"""What a shadow leaves of stored colors from which the surface is painted anew, not made brighter."""
_SHADED, _RARE, _SLACK = 0.97, 0.02, 0.03
"""The same from which it is in the shadow; the share of what is not that is darker than what is thought like the
surface, or brighter, and how much more it may be."""
_CONTACT, _BESIDE = 4, 0.35
"""Cells beside an opening whose shadow is not told well, and how far from it, in sides of it, the surface may be
painted anew."""
_COLLAR, _DARK, _ROUND = 0.6, 0.05, 0.4
"""How far from an opening its collar is dark, in sides of it; the share of the surface farther away that is as dark;
and the share of what is seen right beside the opening that is dark, at least."""
_CLEARLY = 0.85
"""How bright a dark collar is, at most, relative to most of what is farther away."""
_FRINGE, _OTHER = 6, 0.12
"""Cells beside an opening where a selection may have missed what is the object's, and how far its color is then from
the surface's, at least, RGB from 0 to 1."""
_UNDER, _OVER = 5.0, 0.5
"""How far that may lie behind the surface, in tolerances, and before it, in sides of the opening."""
_SEAM = 2
"""Cells beside an opening that are filled where what is seen is not opaque there."""
_STEADY = 2
"""Times as many views show the surface at a place as look through it, for its color to be known."""
_COVER = 0.65
"""Standard deviation of new Gaussians along the surface, in distances between them."""
_FLATNESS = 0.1
"""The same along the normal, relative to it."""
_OPACITIES = (0.7, 0.98)
"""The least and the most opacity of new Gaussians; between them that of the surface."""
_FEWEST_ACROSS = 10
"""New Gaussians across the smaller side of an opening, about, at least."""
_FEWEST_KNOWN = 12
"""Cells and Gaussians of the surface from which something can be told about it."""
_FAR = 20.0
"""Distance from which a sheet is looked at from above, in its sides."""


@dataclass(frozen=True, eq=False)
class Closed:
    """What closes an opening."""

    flakes: Flakes
    region: np.ndarray  # [rows, columns]
    """Cells of the sheet that it lies on, bool."""
    doubtful: np.ndarray  # [N]
    """Gaussians of the scene that lie in the opening and of which little is seen, for the surface's, bool."""
    fringe: np.ndarray  # [n]
    """Gaussians of the scene at the opening that are the object's, int64."""
    painted: Texture
    """What the sheet looks like without the object, and where that is not painted anew."""


def close(
    opening: Opening,
    sights: Sequence[Sight],
    placed: DeviceScene,
    member: np.ndarray,  # [N] bool
    shown: np.ndarray,  # [N]
    inpaint: Inpainter,
    light: Light | None = None,
    keep_shadow: bool = False,
) -> Closed | None:
    """Makes what closes an opening, None when too little of the surface is seen around it, or nothing is left open.

    Args:
        opening: where.
        sights: what the views see around the object.
        placed: the scene.
        member: the object.
        shown: how much of each Gaussian of the rest the views show, in pixels; 0 where it is not to be believed.
        inpaint: fills the hole of the rectified picture.
        light: what the object takes of the light; the picture is then painted as it would be without its shadow.
        keep_shadow: whether what is dark beside the opening stays where there is no light.
    """
    sheet = opening.sheet
    places = look_at_sheet(sheet, sights)
    cells = holes_of(places, len(sights)) & opening.cells
    cells = ndimage.binary_fill_holes(cells) & (places.seen <= places.free + 1)
    means = placed.scene.gaussians.means
    spots, heights, over = sheet.over(means)
    on_sheet = over & (np.abs(heights) < 1.5 * sheet.tolerance + sheet.cell)
    surface = np.flatnonzero((shown > 0) & on_sheet)
    if len(surface) < _FEWEST_KNOWN:
        return None
    least = _LITTLE * np.median(shown[surface])
    doubtful = on_sheet & (shown < least) & cells[tuple(spots.T)]
    zone = over & ndimage.binary_dilation(cells, np.ones((3, 3)), iterations=_FRINGE)[tuple(spots.T)]
    zone &= (heights > -_UNDER * sheet.tolerance - sheet.cell) & (heights < _OVER * np.sqrt(cells.sum()) * sheet.cell)
    fringe = _fringe(placed.scene.gaussians, zone, member, shown > 0, _FRINGE * sheet.cell)
    doubtful[fringe] |= on_sheet[fringe]
    surface = surface[~doubtful[surface]]
    opaque = _alpha_above(sheet, placed, surface) > _COVERED
    texture = rectified(sheet, sights)
    known = _connected(texture.known & opaque & _solid(places) & ~ndimage.binary_dilation(cells), cells)
    if known.sum() < _FEWEST_KNOWN or len(surface) < _FEWEST_KNOWN:
        return None
    beside = ndimage.binary_dilation(cells, np.ones((3, 3)), iterations=_SEAM) & (places.free == 0)
    beside[tuple(spots[fringe[on_sheet[fringe]]].T)] = True
    region = (cells | beside) & ~opaque & convex_hull_image(known)
    if not region.any():
        return None
    painted = _painted(sheet, texture, known, region, inpaint, light, keep_shadow)
    dense = known[tuple(spots[surface].T)].sum() / known.sum()  # Gaussians in a cell
    spacing = float(np.clip(max(dense, 1e-9) ** -0.5, 0.8, max(0.8, np.sqrt(region.sum()) / _FEWEST_ACROSS)))
    return Closed(_lattice(sheet, region, spacing, painted.color, surface, placed), region, doubtful, fringe, painted)


def _fringe(
    gaussians: Gaussians,
    zone: np.ndarray,  # [N] bool
    member: np.ndarray,  # [N] bool
    seen: np.ndarray,  # [N] bool
    reach: float,
) -> np.ndarray:  # [n]
    """Returns the Gaussians at an opening that a selection missed at the foot of its object, int64.

    They touch the object and have its colors there, and not those of what is seen farther from the opening: another
    thing that the object touches is there too.
    """
    means, colors = gaussians.means, gaussians.base_colors()
    own, others, edge = np.flatnonzero(member), np.flatnonzero(seen & ~zone), np.flatnonzero(zone & ~member)
    touching = np.isfinite(cKDTree(means[own]).query(means[edge], distance_upper_bound=reach)[0])
    edge = edge[touching]
    like, unlike = unlikeness(means, colors, edge, own)[1], unlikeness(means, colors, edge, others)[1]
    return np.asarray(edge[(like < ALIKE * unlike) & (unlike > _OTHER) & np.isfinite(unlike)])


def _painted(
    sheet: Sheet,
    texture: Texture,
    known: np.ndarray,  # [rows, columns] bool
    region: np.ndarray,  # [rows, columns] bool
    inpaint: Inpainter,
    light: Light | None,
    keep_shadow: bool,
) -> Texture:
    """Returns what a sheet looks like without the object, and where that is not painted anew.

    With light, patches are of the surface in full light, and what is made of them as bright as the light of the place
    without the object: the shadows of other things go on over what is filled. Right in the object's shadow they are
    not taken from, and what is there is painted anew. Without light that holds for a dark collar of the opening.
    """
    color, without = texture.color, np.ones_like(texture.color)
    deep = np.zeros_like(known)
    if light is not None:
        shade, without = light.shades(sheet.points)
        color = color / shade
        deep = texture.known & _unlike(color.mean(-1), (shade / without).mean(-1), known, region)
        if (known & ~deep).sum() < _FEWEST_KNOWN:
            deep[:] = False
    elif not keep_shadow:
        deep = _collar(color.mean(-1), known, region)
    known = known & ~deep
    hole = region | (~known & ndimage.binary_dilation(region | deep, iterations=_SEAM + 1)) | deep
    filled = inpaint(diffused(color, ~known), known, hole)
    kept = ~hole if light is not None or deep.any() else np.ones_like(hole)
    return Texture(np.clip(seamless(filled, color, known, hole) * without, 0, 1), kept)


def _collar(
    bright: np.ndarray,  # [rows, columns]
    known: np.ndarray,  # [rows, columns] bool
    region: np.ndarray,  # [rows, columns] bool
) -> np.ndarray:  # [rows, columns]
    """Tells where a surface is darker around an opening than it is farther away, bool.

    So it is where the object kept off the light, on round surfaces too, whose light is not found. What is dark on one
    side of the opening only is likelier to be painted on the surface, and stays.

    Args:
        bright: the surface.
        known: where it is known.
        region: what is filled.
    """
    none = np.zeros_like(known)
    away = ndimage.distance_transform_edt(~region)
    near = away < _COLLAR * np.sqrt(region.sum()) + _CONTACT
    around = bright[known & ~near]
    if len(around) < _FEWEST_KNOWN:
        return none
    limit = min((1 - _SLACK) * float(np.quantile(around, _DARK)), _CLEARLY * float(np.median(around)))
    dark = known & near & (bright < limit)
    labels, _ = ndimage.label(dark | region, np.ones((3, 3)))
    touching = np.isin(labels, np.unique(labels[region])) & dark
    beside = known & (away <= _CONTACT)
    if not beside.any() or touching[beside].mean() < _ROUND:
        return none
    wide = known & ndimage.binary_dilation(touching, np.ones((3, 3)), iterations=_CONTACT)  # where it fades
    return np.asarray(wide) if (known & ~wide).sum() >= _FEWEST_KNOWN else none


def _unlike(
    bright: np.ndarray,  # [rows, columns]
    left: np.ndarray,  # [rows, columns]
    known: np.ndarray,  # [rows, columns] bool
    region: np.ndarray,  # [rows, columns] bool
) -> np.ndarray:  # [rows, columns]
    """Tells where a surface in a shadow is not like the rest of it once that is taken away, or too dark for it, bool.

    That is so right beside the object, and may be near it: what is farther away and unlike is another thing.

    Args:
        bright: the surface without the shadow.
        left: what the shadow leaves of it.
        known: where it is known.
        region: what is filled.
    """
    away = ndimage.distance_transform_edt(~region)
    shaded = left < _SHADED
    around = bright[known & ~shaded]
    odd = (left < _DEEP) | (shaded & (away <= _CONTACT))
    if len(around) >= _FEWEST_KNOWN:
        low, high = np.quantile(around, (_RARE, 1 - _RARE))
        odd |= shaded & ((bright < (1 - _SLACK) * low) | (bright > (1 + _SLACK) * high))
    return np.asarray(odd & (away < _BESIDE * np.sqrt(region.sum()) + _CONTACT))


def _solid(places: Places) -> np.ndarray:  # [rows, columns]
    """Tells where views show a surface, and not the border of one."""
    return np.asarray(
        (places.seen > _STEADY * places.free) & ~ndimage.binary_dilation(places.free > places.seen, iterations=2)
    )


def _connected(
    known: np.ndarray,  # [rows, columns] bool
    cells: np.ndarray,  # [rows, columns] bool
) -> np.ndarray:  # [rows, columns]
    """Returns what is known of the surface that goes on at an opening, not of others of the same height."""
    labels, _ = ndimage.label(known, np.ones((3, 3)))
    beside = np.unique(labels[ndimage.binary_dilation(cells, np.ones((3, 3)), iterations=5)])
    return np.isin(labels, beside[beside > 0])


def _alpha_above(
    sheet: Sheet,
    placed: DeviceScene,
    rows: np.ndarray,  # [n]
) -> np.ndarray:  # [rows, columns]
    """Returns how opaque some Gaussians are over each cell, seen along the normal from far away."""
    height, width = sheet.heights.shape
    away = _FAR * max(height, width) * sheet.cell
    middle = sheet.plane.center + (sheet.start + 0.5 * sheet.cell * np.array([height, width])) @ sheet.axes
    pose = np.eye(4)
    pose[:3, :3] = np.stack([sheet.axes[1], sheet.axes[0], -sheet.plane.normal])
    pose[:3, 3] = -pose[:3, :3] @ (middle + away * sheet.plane.normal)
    focal = away / sheet.cell
    camera = Camera("above", width, height, focal, focal, width / 2, height / 2, pose)
    geometry = placed.geometry.of_rows(torch.from_numpy(rows).to(placed.device))
    return np.asarray(BlendOperator(geometry, camera).alpha().cpu().numpy())


def _lattice(
    sheet: Sheet,
    region: np.ndarray,  # [rows, columns] bool
    spacing: float,
    picture: np.ndarray,  # [rows, columns, 3]
    surface: np.ndarray,  # [n]
    placed: DeviceScene,
) -> Flakes:
    """Returns flat Gaussians on a hexagonal lattice, `spacing` cells apart, with the colors of a picture.

    They are as opaque as the Gaussians `surface` of the scene, the nearest of which are their parents.
    """
    gaussians = placed.scene.gaussians
    places = _hexagons(region.shape, spacing)
    places = places[region[tuple(np.floor(places).astype(int).T)]]
    cells = tuple(np.floor(places).astype(int).T)
    wide = max(0.0, 0.3 * spacing - 0.3)  # a Gaussian has the mean color of what it covers
    channels = np.moveaxis(ndimage.gaussian_filter(picture, (wide, wide, 0)), -1, 0)
    colors = [ndimage.map_coordinates(channel, places.T - 0.5, order=1, mode="nearest") for channel in channels]
    means = sheet.plane.center + (places * sheet.cell + sheet.start) @ sheet.axes
    means += sheet.heights[cells][:, None] * sheet.plane.normal
    normals = sheet.normals[cells]
    first = sheet.axes[0] - (normals @ sheet.axes[0])[:, None] * normals
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    turns = Rotation.from_matrix(np.stack([first, np.cross(normals, first), normals], axis=2))
    scale = _COVER * spacing * sheet.cell
    opacity = np.clip(np.median(gaussians.opacities[surface]), *_OPACITIES)
    return Flakes(
        means=means,
        scales=np.tile([scale, scale, _FLATNESS * scale], (len(means), 1)),
        quaternions=turns.as_quat()[:, [3, 0, 1, 2]],
        opacities=np.full(len(means), opacity),
        colors=np.stack(colors, axis=-1),
        parents=surface[cKDTree(gaussians.means[surface]).query(means)[1]],
    )


def _hexagons(
    shape: tuple[int, ...],
    spacing: float,
) -> np.ndarray:  # [n, 2]
    """Returns the places (row, column) of a hexagonal lattice inside a rectangle."""
    rows = np.arange(0.5 * spacing, shape[0], spacing * 0.75**0.5)
    columns = np.arange(0.25 * spacing, shape[1], spacing)
    places = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
    places[1::2, :, 1] += 0.5 * spacing
    flat = places.reshape(-1, 2)
    return np.asarray(flat[(flat < shape).all(1)])
