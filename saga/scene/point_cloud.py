"""Open3D, an optional dependency: loading it, and Gaussians as its point clouds."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.scene.gaussians import Gaussians

_SYSTEM_PACKAGES = {"libusb-1.0": "libusb-1.0-0", "libGL.": "libgl1", "libgomp": "libgomp1"}
"""Debian's packages of the libraries that Open3D's wheels expect of the system, by how the libraries' names begin."""


def import_open3d(wanted_for: str) -> Any:
    """Returns the module open3d, which is imported at the first use.

    Args:
        wanted_for: What needs it, for the message.

    Raises:
        SagaError: The package, or a library of the system that it loads, is missing.
    """
    try:
        return importlib.import_module("open3d")
    except ModuleNotFoundError as error:
        if error.name != "open3d":
            raise SagaError(f"{wanted_for}: Open3D lacks {error.name}; run pip install {error.name}.") from error
        raise SagaError(
            f'{wanted_for}: expected the package open3d, found none; run pip install "saga-splat[open3d]".'
        ) from error
    except (ImportError, OSError) as error:
        library = re.match(r"(\S+): cannot open shared object file", str(error))
        packages = [package for start, package in _SYSTEM_PACKAGES.items() if library and library[1].startswith(start)]
        found = f"without {library[1]}" if library else f"that does not load ({error})"
        advice = " ".join(packages or _SYSTEM_PACKAGES.values())
        raise SagaError(f"{wanted_for}: expected a working Open3D, found one {found}; install {advice}.") from error


def point_cloud(
    gaussians: Gaussians,
    mask: np.ndarray | None = None,  # [N] bool
) -> Any:
    """Returns Gaussians as an open3d.geometry.PointCloud: what `Gaussians.to_open3d` gives."""
    open3d = import_open3d("to_open3d")
    rows = np.flatnonzero(gaussians.valid if mask is None else gaussians.valid & mask)
    cloud = open3d.geometry.PointCloud()
    cloud.points = open3d.utility.Vector3dVector(gaussians.means[rows].astype(np.float64))
    cloud.colors = open3d.utility.Vector3dVector(gaussians.base_colors()[rows].astype(np.float64))
    cloud.normals = open3d.utility.Vector3dVector(_shortest_axes(gaussians.quaternions[rows], gaussians.scales[rows]))
    return cloud


def _shortest_axes(
    quaternions: np.ndarray,  # [n, 4]
    scales: np.ndarray,  # [n, 3]
) -> np.ndarray:  # [n, 3]
    """Returns unit vectors along each Gaussian's least extent, which is across the surface that it lies on."""
    w, x, y, z = quaternions.astype(np.float64).T
    columns = np.stack(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
            [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
            [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
        ]
    )  # [axis, coordinate, n]
    return columns[scales.argmin(1), :, np.arange(len(scales))]
