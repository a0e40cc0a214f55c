"""What the post-processing steps share: the searches, their input and their notion of near."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.native import bindings, host, searches
from saga.native.bindings import MOST_NEIGHBORS
from saga.postprocess import reference

LARGEST = 1e18  # coordinates beyond have no square in float32


def nearest_neighbor_distance(
    points: Tensor,  # [n, 3]
) -> Tensor:  # [n]
    """Returns the distance from each point to the closest other one (SAGA, eq. 13), exact to float32.

    Args:
        points: float32 in scene units, finite.

    Returns:
        float32 on the same device: 0 for duplicates, infinity for a point that is alone.

    Raises:
        SagaError: The shape is wrong or a coordinate is not finite.
    """
    if len(points) == 0:
        return points.new_empty(0, dtype=torch.float32)
    dense = check_points(points)
    result: Tensor = implementation(dense).nearest_distance(dense).to(points.device)
    return result


def nearest_neighbors(
    points: Tensor,  # [n, 3]
    count: int,
) -> Tensor:  # [n, count] int32
    """Returns each point and those nearest to it.

    Args:
        points: float32 in scene units, finite.
        count: From 1 to n; beyond 32 (`MOST_NEIGHBORS`) a slow search on the CPU does it, for points on a GPU too.

    Returns:
        Rows of `points` on the same device: in row i first i itself, then the others by distance, exactly as double
        precision has it; of those equally far the lower index is first.

    Raises:
        SagaError: The shape or the count is wrong or a coordinate is not finite.
    """
    dense = check_points(points)
    if not 1 <= count <= max(1, len(points)):
        raise SagaError(f"count: expected 1 to {len(points)}, the number of points, found {count}; ask for fewer")
    if len(points) == 0:
        return torch.empty(0, count, dtype=torch.int32, device=points.device)
    if count > MOST_NEIGHBORS:
        return reference.nearest_neighbors(dense.cpu(), count).to(points.device)
    result: Tensor = implementation(dense).nearest_neighbors(dense, count).to(points.device)
    return result


def mutual_neighbors(
    found: Tensor,  # [n, k] int32
) -> Tensor:  # [n, k] bool
    """Tells which neighbors have the point among theirs, as it has itself.

    Args:
        found: As `nearest_neighbors` returns it.
    """
    native = None if found.is_cuda else host.function("saga_mutual_neighbors")
    if native is None:
        return reference.mutual_neighbors(found)
    dense = found.contiguous()
    mutual = torch.empty(found.shape, dtype=torch.bool)
    native(*found.shape, bindings.pointer(dense, torch.int32), bindings.pointer(mutual, torch.bool))
    return mutual


def implementation(
    points: Tensor,  # [n, 3]
) -> ModuleType:
    """Returns the native searches on the points' device, or their reference where the library was not built."""
    return searches if searches.available(points.device.type) else reference


def check_points(
    points: Tensor,  # [n, 3]
) -> Tensor:
    """Returns the points as the searches take them: float32 [n, 3], finite, dense, where a library can search them."""
    if points.ndim != 2 or points.shape[1] != 3:
        found = list(points.shape)
        raise SagaError(f"points: expected shape [n, 3], found {found}; pass a row x, y, z for each point")
    if len(points) > np.iinfo(np.int32).max:
        raise SagaError(f"points: expected fewer than 2^31, found {len(points)}; search a part of the scene")
    device = points.device if searches.available(points.device.type) else "cpu"
    dense = points.detach().to(device, torch.float32).contiguous()
    if len(points) > 0:
        low, high = dense.aminmax()
        if not (low > -LARGEST and high < LARGEST):  # NaN, too, fails this
            raise SagaError("points: expected finite coordinates, found NaN, infinite or huge ones; drop them")
    return dense


def check_mask(
    name: str,
    mask: Tensor,  # [n] bool
    points: Tensor,  # [n, 3]
) -> Tensor:
    """Returns the mask as the searches take it: bool [n], dense, on the device of the (checked) points."""
    if mask.dtype != torch.bool or mask.shape != points.shape[:1]:
        expected, found = f"torch.bool [{len(points)}]", f"{mask.dtype} {list(mask.shape)}"
        raise SagaError(f"{name}: expected {expected}, found {found}; pass an entry for each point")
    return mask.detach().to(points.device).contiguous()


def check_radius(radius: float) -> float:
    """Returns the radius as a float. Raises SagaError when it is negative or not finite."""
    if not 0 <= radius < float("inf"):
        raise SagaError(f"radius: expected a finite distance of at least 0, found {radius}; pass scene units")
    return float(radius)


def reach_of(radius: float) -> float:
    """Returns the largest distance that rounds to at most the radius in float32.

    Distances are reported in float32: so a radius that is one of them includes the pair it was measured
    between.
    """
    return radius + 0.5 * float(np.spacing(np.float32(radius)))
