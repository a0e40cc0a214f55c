"""The part of a scene that decides where and how strongly each Gaussian is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from saga.scene.gaussians import Gaussians


@dataclass(frozen=True, eq=False)
class Geometry:
    """N frozen Gaussians in world coordinates, as tensors of one floating type on one device.

    Gradients do not flow into a geometry: tensors are detached, and made contiguous for native code.

    Raises:
        ValueError: tensors whose shapes, types or devices do not fit together.
    """

    means: Tensor  # [N, 3]
    """Centers, world units."""
    scales: Tensor  # [N, 3]
    """Standard deviations along the Gaussian's own axes, world units."""
    quaternions: Tensor  # [N, 4]
    """Rotations from the Gaussian's axes to the world's, w first, of any non-zero length."""
    opacities: Tensor  # [N]
    """Opacities between 0 and 1."""
    unit: float = 1.0
    """Units of the rasterizer in one world unit, a power of two. The rasterizer culls what is nearer to a camera than
    0.01 of its units, which would be everything in a scene of kilometers; a power of two changes no other bit."""

    def __post_init__(self) -> None:
        """Detaches the tensors. Raises ValueError for shapes, types or devices that do not agree."""
        count = self.means.shape[:1]
        expected = {
            "means": (*count, 3),
            "scales": (*count, 3),
            "quaternions": (*count, 4),
            "opacities": count,
        }
        for name, shape in expected.items():
            tensor: Tensor = getattr(self, name)
            if tensor.shape != shape or len(count) != 1:
                raise ValueError(f"{name}: expected shape {list(shape)}, found {list(tensor.shape)}")
            if not tensor.is_floating_point() or (tensor.dtype, tensor.device) != (self.dtype, self.device):
                raise ValueError(
                    f"{name}: expected {self.dtype} on {self.device} as means, a floating type, "
                    f"found {tensor.dtype} on {tensor.device}"
                )
            object.__setattr__(self, name, tensor.detach().contiguous())

    def __len__(self) -> int:
        """Returns the number of Gaussians."""
        return self.means.shape[0]

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of all tensors."""
        return self.means.dtype

    @property
    def device(self) -> torch.device:
        """Device of all tensors."""
        return self.means.device

    @classmethod
    def from_gaussians(cls, gaussians: Gaussians, device: torch.device | str = "cpu") -> Geometry:
        """Returns the scene's geometry as float32 tensors, in the PLY's order; invalid rows stay unseen."""
        arrays = (gaussians.means, gaussians.scales, gaussians.quaternions, gaussians.opacities)
        means, scales, quaternions, opacities = (
            torch.as_tensor(array, dtype=torch.float32, device=device) for array in arrays
        )
        return cls(means, scales, quaternions, opacities, unit_of(gaussians))

    def in_units(self) -> Geometry:
        """Returns the same Gaussians in units of the rasterizer."""
        return self if self.unit == 1 else replace(self, means=self.means * self.unit, scales=self.scales * self.unit)

    def of_rows(
        self,
        rows: Tensor,  # [n] int64, or [N] bool
    ) -> Geometry:
        """Returns some of the Gaussians, by their rows or by a mask."""
        return replace(self, **{name: getattr(self, name)[rows] for name in TENSORS})

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Geometry:
        """Returns the same Gaussians on another device or in another floating type."""
        moved = {name: getattr(self, name).to(device=device, dtype=dtype) for name in TENSORS}
        return Geometry(**moved, unit=self.unit)


TENSORS = ("means", "scales", "quaternions", "opacities")
"""The attributes of a geometry that are tensors of N rows."""
_SMALL_EXTENT = 0.25
"""Median distance of the Gaussians from their middle, in world units, below which a scene counts as tiny."""
_SAMPLED_GAUSSIANS = 100_000


def unit_of(gaussians: Gaussians) -> float:
    """Returns the rasterizer's units per world unit: 1, or the power of two that makes a tiny scene an ordinary one."""
    rows = np.flatnonzero(gaussians.valid)
    means = gaussians.means[rows[:: max(1, len(rows) // _SAMPLED_GAUSSIANS)]].astype(np.float64)
    if len(means) == 0:
        return 1.0
    extent = float(np.median(np.linalg.norm(means - np.median(means, axis=0), axis=1)))
    if not 0 < extent < _SMALL_EXTENT:
        return 1.0
    return float(2.0 ** math.ceil(math.log2(_SMALL_EXTENT / extent)))
