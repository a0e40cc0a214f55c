"""The blending operator in plain PyTorch: the oracle of every other backend, and their stand-in.

Conventions are gsplat's "classic" mode: EWA projection (Zwicker et al. 2001, EWA volume splatting) with a
dilation of 0.3 px^2, pixel centers at +0.5, no background. float32 or float64, CPU or CUDA. Products are made
tile by tile, so beside the projected Gaussians and the result they need a few MiB; speed is not a goal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from saga.raster.geometry import Geometry
from saga.scene.camera import Camera

DILATION = 0.3  # px^2, added to both variances of a projected Gaussian
NEAR = 0.01  # units of the rasterizer; nearer Gaussians are culled
ALPHA_MAX = 0.999
ALPHA_MIN = 1 / 255
TRANSMITTANCE_MIN = 1e-4
TILE = 16  # px
FLATTEST = 1e-4  # least axis of a Gaussian over its greatest, where its inverse covariance is taken
REACH = 5  # standard deviations along camera z: alpha ends at 3.4, perspective adds to that
SURFACE_NEAR = 0.02  # of the median depth: entries this close to it belong to the surface
SURFACE_ALPHA = 0.5  # least alpha of a pixel that has a surface
_CHUNK = 1024  # Gaussians of a tile blended at once: 1 MiB of float32 a temporary
_Walk = Iterator[tuple[Tensor, Tensor]]


class Projection(NamedTuple):
    """The Gaussians as one camera sees them. All values are 0 where `visible` is False."""

    means2d: Tensor  # [N, 2]
    """Centers, px from the image's top left corner."""
    conics: Tensor  # [N, 3]
    """a, b, c of the inverse covariance [[a, b], [b, c]], px^-2."""
    depths: Tensor  # [N]
    """Camera z, world units."""
    extents: Tensor  # [N, 2]
    """Half width and half height, px, of the box around alpha >= 1/255."""
    visible: Tensor  # [N]
    """bool: finite, not nearer than 0.01, opacity at least 1/255, and the box touches the image."""


def _rotations(
    quaternions: Tensor,  # [N, 4]
) -> Tensor:  # [N, 3, 3]
    w, x, y, z = (quaternions / quaternions.norm(dim=-1, keepdim=True)).unbind(-1)
    entries = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
               2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
               2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]  # fmt: skip
    return torch.stack(entries, -1).reshape(-1, 3, 3)


def _jacobians(
    points: Tensor,  # [N, 3]
    camera: Camera,
) -> Tensor:  # [N, 2, 3]
    """Returns the derivative of the pixel with respect to the camera-space point.

    The affine approximation grows without bound off the axis, so it is taken no further out than `Camera.slopes`.
    """
    x, y, z = points.unbind(-1)
    x0, x1, y0, y1 = camera.slopes
    tx, ty = (x / z).clamp(x0, x1), (y / z).clamp(y0, y1)
    fx, fy, zero = camera.fx / z, camera.fy / z, torch.zeros_like(z)
    return torch.stack([fx, zero, -fx * tx, zero, fy, -fy * ty], -1).reshape(-1, 2, 3)


def project(geometry: Geometry, camera: Camera) -> Projection:
    """Projects all Gaussians to one camera (EWA); those that are not finite are culled."""
    view = torch.as_tensor(camera.world_to_camera, dtype=geometry.dtype, device=geometry.device)
    points = geometry.means @ view[:3, :3].T + view[:3, 3]
    depths = points[:, 2]
    means2d = torch.stack(
        [camera.fx * points[:, 0] / depths + camera.cx, camera.fy * points[:, 1] / depths + camera.cy], -1
    )
    # Rows of the 2 x 3 matrix J W R S, whose product with its transpose is the image covariance.
    rotations_scales = _rotations(geometry.quaternions) * geometry.scales[:, None]
    u, w = (_jacobians(points, camera) @ view[:3, :3] @ rotations_scales).unbind(1)
    xx, xy, yy = (u * u).sum(-1), (u * w).sum(-1), (w * w).sum(-1)
    # det(covariance + dilation) by Lagrange's identity: xx * yy - xy^2 would cancel for long thin Gaussians.
    det = torch.linalg.cross(u, w).square().sum(-1) + DILATION * (xx + yy) + DILATION**2
    xx, yy = xx + DILATION, yy + DILATION
    conics = torch.stack([yy / det, -xy / det, xx / det], -1)
    # alpha >= 1/255 is sigma <= ln(255 o), an ellipse whose box has these half sizes.
    reach = 2 * torch.log(geometry.opacities / ALPHA_MIN).clamp(min=0)
    extents = (reach[:, None] * torch.stack([xx, yy], -1)).sqrt()

    visible = (depths >= NEAR) & (det > 0) & (geometry.opacities >= ALPHA_MIN)
    for values in (means2d, conics, extents, geometry.opacities[:, None]):
        visible &= values.isfinite().all(-1)
    size = means2d.new_tensor([camera.width, camera.height])
    visible &= ((means2d + extents > 0) & (means2d - extents < size)).all(-1)
    culled = ~visible[:, None]
    return Projection(
        means2d.masked_fill(culled, 0),
        conics.masked_fill(culled, 0),
        depths.masked_fill(~visible, 0),
        extents.masked_fill(culled, 0),
        visible,
    )


def _front_to_back(projection: Projection) -> Tensor:  # [V]
    """Returns the visible Gaussians by depth, ties by index."""
    ids = projection.visible.nonzero()[:, 0]
    return ids[torch.sort(projection.depths[ids], stable=True).indices]


def _blend(
    projection: Projection,
    opacities: Tensor,  # [N]
    ids: Tensor,  # [B], B > 0, front to back
    pixels: Tensor,  # [P, 2] (x, y)
    transmittance: Tensor,  # [P]
) -> tuple[Tensor, Tensor]:
    """Returns weights [P, B] of Gaussians at pixels (SAGA, eq. 3), and the transmittance [P] behind them."""
    offsets = pixels[:, None] + 0.5 - projection.means2d[ids]
    dx, dy = offsets.unbind(-1)
    a, b, c = projection.conics[ids].unbind(-1)
    sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
    alpha = (opacities[ids] * torch.exp(-sigma)).clamp(max=ALPHA_MAX)
    alpha = alpha.masked_fill((sigma < 0) | (alpha < ALPHA_MIN), 0)
    after = transmittance[:, None] * torch.cumprod(1 - alpha, 1)
    before = torch.cat([transmittance[:, None], after[:, :-1]], 1)
    # `after` never rises, so from the first Gaussian that would exhaust the pixel on, none is blended.
    return (alpha * before).masked_fill(after <= TRANSMITTANCE_MIN, 0), after[:, -1]


def _walk(
    projection: Projection,
    opacities: Tensor,  # [N]
    ids: Tensor,  # [B], front to back
    pixels: Tensor,  # [P, 2] (x, y)
) -> _Walk:
    """Chunks of ids [K] with their weights [P, K], front to back."""
    transmittance = opacities.new_ones(len(pixels))
    for chunk in ids.split(_CHUNK) if len(ids) else ():
        weights, transmittance = _blend(projection, opacities, chunk, pixels, transmittance)
        yield chunk, weights
        if bool((transmittance <= TRANSMITTANCE_MIN).all()):
            return


def _tile_lists(
    projection: Projection, camera: Camera, wanted: Collection[tuple[int, int]] | None = None
) -> Iterator[tuple[int, int, Tensor]]:
    """Tiles (column, row), all or the wanted, and the Gaussians [B] that may reach each, front to back."""
    ids = _front_to_back(projection)
    first = (projection.means2d - projection.extents) / TILE
    last = (projection.means2d + projection.extents) / TILE
    for row in range(-(-camera.height // TILE)):
        band = ids[(first[ids, 1] <= row + 1) & (last[ids, 1] >= row)]
        left, right = first[band, 0], last[band, 0]
        for column in range(-(-camera.width // TILE)):
            if wanted is None or (column, row) in wanted:
                yield column, row, band[(left <= column + 1) & (right >= column)]


def _tiles(geometry: Geometry, camera: Camera) -> Iterator[tuple[slice, slice, _Walk]]:
    """Yields every tile's image rows and columns, and the walk over its pixels in row-major order."""
    projection = project(geometry, camera)
    for column, row, ids in _tile_lists(projection, camera):
        ys = slice(row * TILE, min((row + 1) * TILE, camera.height))
        xs = slice(column * TILE, min((column + 1) * TILE, camera.width))
        y, x = torch.meshgrid(torch.arange(ys.start, ys.stop), torch.arange(xs.start, xs.stop), indexing="ij")
        pixels = torch.stack([x, y], -1).reshape(-1, 2).to(geometry.means)
        yield ys, xs, _walk(projection, geometry.opacities, ids, pixels)


class _Render(torch.autograd.Function):
    """A x; an explicit backward, because a recorded one would keep every tile's weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, geometry: Geometry, camera: Camera) -> Tensor:
        ctx.geometry, ctx.camera = geometry, camera
        out = x.new_zeros(camera.height, camera.width, x.shape[1])
        for ys, xs, walk in _tiles(geometry, camera):
            tile = out[ys, xs]
            for ids, weights in walk:
                tile += (weights.to(x.dtype) @ x[ids]).reshape(tile.shape)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return lift(ctx.geometry, ctx.camera, gradients[0]), None, None


class _Lift(torch.autograd.Function):
    """A^T y."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, geometry: Geometry, camera: Camera) -> Tensor:
        ctx.geometry, ctx.camera = geometry, camera
        out = y.new_zeros(len(geometry), y.shape[2])
        for ys, xs, walk in _tiles(geometry, camera):
            values = y[ys, xs].flatten(0, 1)
            for ids, weights in walk:
                out[ids] += weights.to(y.dtype).T @ values
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return render(ctx.geometry, ctx.camera, gradients[0]), None, None


def render(
    geometry: Geometry,
    camera: Camera,
    x: Tensor,  # [N, C]
) -> Tensor:  # [H, W, C]
    """Returns A x, in the floating type of x; differentiable in x any number of times."""
    result: Tensor = _Render.apply(x, geometry, camera)
    return result


def lift(
    geometry: Geometry,
    camera: Camera,
    y: Tensor,  # [H, W, C]
) -> Tensor:  # [N, C]
    """Returns A^T y, in the floating type of y; differentiable in y any number of times."""
    result: Tensor = _Lift.apply(y, geometry, camera)
    return result


def rows(
    geometry: Geometry,
    camera: Camera,
    pixels: Tensor,  # [P, 2]
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns rows of A at integer pixels (x, y) inside the image, duplicates allowed, as compressed sparse rows.

    Returns:
        indptr [P + 1] int64, indices [nnz] int32 front to back within a row, weights [nnz] > 0 in the
        geometry's floating type.
    """
    pixels = pixels.to(device=geometry.device, dtype=torch.int64)
    tiles, member = torch.unique(pixels // TILE, dim=0, return_inverse=True)
    numbers = {(column, row): number for number, (column, row) in enumerate(tiles.tolist())}
    by_tile = torch.argsort(member, stable=True).split(torch.bincount(member, minlength=len(tiles)).tolist())
    projection = project(geometry, camera)
    parts = [(pixels.new_empty(0), pixels.new_empty(0), geometry.means.new_empty(0))]
    for column, row, ids in _tile_lists(projection, camera, numbers):
        chosen = by_tile[numbers[column, row]]
        for some in chosen.split(TILE * TILE):
            for chunk, weights in _walk(projection, geometry.opacities, ids, pixels[some].to(geometry.dtype)):
                r, k = weights.nonzero(as_tuple=True)
                parts.append((some[r], chunk[k], weights[r, k]))
    members, indices, values = (torch.cat(part) for part in zip(*parts, strict=True))
    order = torch.argsort(members, stable=True)  # stable: chunks of one row stay front to back
    indptr = pixels.new_zeros(len(pixels) + 1)
    indptr[1:] = torch.bincount(members, minlength=len(pixels)).cumsum(0)
    return indptr, indices[order].to(torch.int32), values[order]


def _ray_depths(
    geometry: Geometry,
    camera: Camera,
    pixels: Tensor,  # [E, 2] (x, y)
    ids: Tensor,  # [E]
) -> Tensor:  # [E]
    """Returns camera z at which the rays of pixels meet most of Gaussians' density, one Gaussian per ray.

    Along the ray o + t d with d = 1 along camera z, that is t = (d' S^-1 (mu - o)) / (d' S^-1 d), S the covariance. It
    is kept within 5 standard deviations of the center's, and in front of the near plane.
    """
    view = torch.as_tensor(camera.world_to_camera, dtype=geometry.dtype, device=geometry.device)
    means = geometry.means[ids] @ view[:3, :3].T + view[:3, 3]
    x, y = (pixels + 0.5).to(means).unbind(-1)
    rays = torch.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, torch.ones_like(x)], -1)
    axes, scales = view[:3, :3] @ _rotations(geometry.quaternions[ids]), geometry.scales[ids]  # axes: columns
    longest = scales.max(-1, keepdim=True).values
    floored = torch.where(longest > 0, scales.maximum(FLATTEST * longest), torch.ones_like(scales))
    # S^-1 = M' M with M = axes' / scales; only the ratios of the scales matter.
    whiten = axes.mT / (floored / floored.min(-1, keepdim=True).values)[..., None]
    d, mu = (torch.einsum("eij,ej->ei", whiten, vector) for vector in (rays, means))
    depths = (d * mu).sum(-1) / (d * d).sum(-1)
    reach = REACH * (axes[:, 2] * scales).norm(dim=-1)
    return depths.maximum(means[:, 2] - reach).minimum(means[:, 2] + reach).clamp(min=NEAR)


def surface(
    geometry: Geometry,
    camera: Camera,
    pixels: Tensor,  # [P, 2]
) -> tuple[Tensor, Tensor]:
    """Returns camera z of the surface (inf where alpha < 0.5) and alpha at integer pixels (x, y): [P] each.

    The surface lies at the mean by weight of the depths of the row's entries within 2 % of their median: the depth
    of the first entry, front to back, up to which at least half of the row's weight lies.
    """
    indptr, indices, weights = rows(geometry, camera, pixels)
    counts = indptr[1:] - indptr[:-1]
    row = torch.repeat_interleave(torch.arange(len(counts), device=indptr.device), counts)
    depths = _ray_depths(geometry, camera, pixels.to(row.device)[row], indices.long())
    alphas = weights.new_zeros(len(counts)).index_add(0, row, weights)
    sums = torch.cat([weights.new_zeros(1), weights.double().cumsum(0)])  # double: sums over all rows
    before = sums[:-1] - sums[indptr[:-1]][row]
    # From the last entry whose front lies before half of the weight; rows without entries keep a median of 0.
    front = before < 0.5 * alphas[row]
    middle = indptr[:-1] + torch.zeros_like(counts).index_add(0, row, front.long()) - 1
    median = torch.where(counts > 0, torch.cat([depths, depths.new_zeros(1)])[middle], 0)
    share = weights * ((depths - median[row]).abs() <= SURFACE_NEAR * median[row])
    total = torch.zeros_like(alphas).index_add(0, row, share)
    mean = torch.zeros_like(alphas).index_add(0, row, share * depths) / total
    return torch.where(alphas >= SURFACE_ALPHA, mean, torch.inf), alphas


def weights_dense(geometry: Geometry, camera: Camera) -> Tensor:  # [H * W, N]
    """Returns A itself, without tiles or chunks: for scenes and images of a few thousand entries."""
    projection = project(geometry, camera)
    ids = _front_to_back(projection)
    y, x = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
    pixels = torch.stack([x, y], -1).reshape(-1, 2).to(geometry.means)
    dense = geometry.means.new_zeros(len(pixels), len(geometry))
    if len(ids):
        dense[:, ids] = _blend(projection, geometry.opacities, ids, pixels, pixels.new_ones(len(pixels)))[0]
    return dense


def _sparse(
    indptr: Tensor,  # [P + 1]
    indices: Tensor,  # [nnz]
    weights: Tensor,  # [nnz]
    columns: int,
) -> Tensor:  # [P, N] sparse
    count = len(indptr) - 1
    row = torch.repeat_interleave(torch.arange(count, device=indptr.device), indptr[1:] - indptr[:-1])
    entries = torch.stack([row, indices.long()])
    return torch.sparse_coo_tensor(entries, weights, (count, columns), check_invariants=True)


def spmm(
    indptr: Tensor,  # [P + 1]
    indices: Tensor,  # [nnz]
    weights: Tensor,  # [nnz]
    x: Tensor,  # [N, C]
) -> Tensor:  # [P, C]
    """Returns rows of A times x."""
    result: Tensor = torch.sparse.mm(_sparse(indptr, indices, weights, len(x)), x)
    return result


def spmm_t(
    indptr: Tensor,  # [P + 1]
    indices: Tensor,  # [nnz]
    weights: Tensor,  # [nnz]
    y: Tensor,  # [P, C]
    columns: int,
) -> Tensor:  # [N, C]
    """Returns the transpose of rows of A, with `columns` Gaussians, times y."""
    result: Tensor = torch.sparse.mm(_sparse(indptr, indices, weights, columns).t(), y)
    return result
