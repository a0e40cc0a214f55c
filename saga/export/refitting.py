"""Gaussians at an object's border, fit anew to what the photographs show inside it.

Training blends what lies on both sides of a border into the Gaussians across it: rendered alone, an object has a rim
of its background's colors, and a fringe of half-transparent splats. Geometry stays. Colors are linear in what is
rendered, so they are a least squares fit; opacities are not, but what an object covers, 1 - prod(1 - o g), is smooth in
them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import lsmr

from saga.errors import SagaError
from saga.export.boundary import Parts
from saga.export.sights import Sights, looks, sights
from saga.raster import DeviceScene
from saga.scene import Gaussians
from saga.scene.camera import spread
from saga.scene.ply import OPACITY
from saga.scene.spherical_harmonics import C0

_VIEWS = 12
_LEAST_WEIGHT = 0.5
"""Members that all views together show less of, in pixels, keep what they have."""
_INSIDE = 0.98
"""A member with a smaller share of its visible weight inside the object is at its border."""
_CORE = 1.5
"""Pixels inside the border: what is nearer is a mixture in a photograph too."""
_OLD_COLOR, _OLD_OPACITY = 0.1, 0.05
"""What colors and opacities of before weigh: in pixels, and in shares of the pixels that a Gaussian covers."""
_STEPS = 30
_ODD = 0.15
"""Residual from which on pixels count less: reflections, other things, errors of the mask."""
_OPACITIES = (0.004, 0.995)


def refit_boundary(scene: DeviceScene, parts: Parts) -> tuple[Parts, int]:
    """Fits opacities and colors of the members at the object's border to what is inside it.

    Inside is the mask of the members, rendered with all others, as `render_masks` has it. Opacities approach the
    coverage that the mask asks for, wherever others do not hide the object; colors, those of the photographs from
    1.5 pixels inside on, but for their brightness. Views without a photograph show the scene itself. At most 12
    views are looked at, evenly spaced. Only opacities and constant harmonics of members at the border change.

    Args:
        scene: the scene that the parts were made of, for its cameras and its device.
        parts: Gaussians and members, as `split_boundary` returns them.

    Returns:
        The parts with these rows changed, and how many they are.

    Raises:
        SagaError: there are no cameras, a photograph cannot be read, or the scene has Mip-Splatting's filter.
    """
    if parts.gaussians.layout.has_filter:
        raise SagaError("refit-boundary: expected a scene without filter_3D, found Mip-Splatting's; leave it out.")
    if not scene.scene.cameras:
        raise SagaError("refit-boundary: expected views, found none; give cameras, or do not refit.")
    gaussians, cameras = parts.gaussians, spread(scene.scene.cameras, _VIEWS)
    geometry = DeviceScene(replace(scene.scene, gaussians=gaussians), str(scene.device)).geometry
    member = torch.from_numpy(parts.member).to(scene.device)
    views, sums = looks(gaussians, geometry, member, cameras)
    border = member & (sums[:, 1] >= _LEAST_WEIGHT) & (sums[:, 0] < _INSIDE * sums[:, 1])
    own = member.nonzero()[:, 0]
    seen = sights(gaussians, geometry, own, border[own], views) if bool(border.any()) else None
    if seen is None:
        return parts, 0
    rows, asked = own.cpu().numpy(), border[own].cpu().numpy()
    before = gaussians.opacities[rows].astype(np.float64)
    opacities = _opacities(seen, before, asked)
    colors = _colors(seen, before, opacities, asked)
    changed = _changed(gaussians, rows[asked], opacities[asked], colors)
    return replace(parts, gaussians=changed), int(asked.sum())


def _opacities(
    seen: Sights,
    before: np.ndarray,  # [n]
    asked: np.ndarray,  # [n] bool
) -> np.ndarray:  # [n]
    """Returns opacities with which the object covers what its mask asks for, float64; others stay.

    Minimizes sum_p trust (1 - prod(1 - o g) - target)^2 + w sum_i m_i (o_i - before_i)^2, m_i the pixels that a
    Gaussian covers.
    """
    target = np.clip(0.5 + seen.depth, 0, 1)  # a border between two pixels covers neither by half
    moving, place = asked[seen.gaussian], np.cumsum(asked) - 1
    still = ~moving
    passed = np.bincount(seen.pixel[still], np.log1p(-seen.alphas(before)[still]), len(seen))
    shape = (len(seen), int(asked.sum()))
    pixel, gaussian, reach = seen.pixel[moving], place[seen.gaussian[moving]], seen.reach[moving]
    covered = np.maximum(np.bincount(gaussian, reach, shape[1]), 1e-9)
    known = before[asked]

    def loss(opacities: np.ndarray) -> tuple[float, np.ndarray]:
        alpha = np.minimum(opacities[gaussian] * reach, 0.999)
        left = np.exp(passed + np.bincount(pixel, np.log1p(-alpha), shape[0]))
        off, change = 1 - left - target, opacities - known
        value = float(seen.trust @ off**2 + _OLD_OPACITY * covered @ change**2)
        slope = np.bincount(gaussian, (2 * seen.trust * off * left)[pixel] * reach / (1 - alpha), shape[1])
        return value, slope + 2 * _OLD_OPACITY * covered * change

    limits = [(min(_OPACITIES[0], o), max(_OPACITIES[1], o)) for o in known]
    found = minimize(loss, known, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": _STEPS})
    result = before.copy()
    result[asked] = found.x
    return result


def _colors(
    seen: Sights,
    before: np.ndarray,  # [n]
    opacities: np.ndarray,  # [n]
    asked: np.ndarray,  # [n] bool
) -> np.ndarray:  # [m, 3]
    """Returns what is added to the colors of those asked for: damped least squares over the pixels inside.

    What the object shows there is to be the photograph's color as far as it covers the pixel, whatever is behind it.
    """
    shape = (len(seen), len(before))
    old, new = (csr_matrix((seen.weights(o), (seen.pixel, seen.gaussian)), shape) for o in (before, opacities))
    known = (seen.depth > _CORE) & np.isfinite(seen.color).all(1)
    if not known.any():
        return np.zeros((int(asked.sum()), 3))
    old, new, shown = old[known], new[known], seen.shown[known]
    # With other opacities the object shows the same colors in other shares.
    scale = np.asarray(new.sum(1)) / np.maximum(np.asarray(old.sum(1)), 1e-6)
    off = np.asarray(new.sum(1)) * seen.color[known].astype(np.float64) - scale * shown
    trust = np.sqrt(seen.trust[known] * np.minimum(1, _ODD / np.maximum(np.abs(off).max(1), 1e-9)))
    matrix = (diags(trust) @ new[:, asked]).tocsr()
    solved = [lsmr(matrix, trust * channel, damp=np.sqrt(_OLD_COLOR), maxiter=_STEPS)[0] for channel in off.T]
    return np.stack(solved, axis=1)


def _changed(
    gaussians: Gaussians,
    rows: np.ndarray,  # [m]
    opacities: np.ndarray,  # [m]
    colors: np.ndarray,  # [m, 3]
) -> Gaussians:
    """Returns the Gaussians with other opacities and constant harmonics in some rows; all others keep their bits."""
    vertices, used, layout = np.array(gaussians.vertices), gaussians.opacities.copy(), gaussians.layout
    used[rows] = opacities
    moved = used != gaussians.opacities  # an opacity of 1 has no logit, and keeps what it is stored as
    vertices[OPACITY[0]][moved] = np.log(used[moved]) - np.log1p(-used[moved])
    for name, added in zip(layout.dc, colors.T, strict=True):
        if layout.is_rgb:
            vertices[name][rows] = np.clip(np.rint(vertices[name][rows] + 255 * added), 0, 255)
        else:
            vertices[name][rows] += (added / C0).astype(vertices[name].dtype)
    return replace(gaussians, vertices=vertices, opacities=used)
