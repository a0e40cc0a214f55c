"""The part of a scene that decides where and how strongly each Gaussian is seen."""

from __future__ import annotations

from dataclasses import dataclass, fields

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
        """The scene's geometry as float32 tensors, in the PLY's order; invalid rows stay unseen."""
        arrays = (gaussians.means, gaussians.scales, gaussians.quaternions, gaussians.opacities)
        return cls(*(torch.as_tensor(array, dtype=torch.float32, device=device) for array in arrays))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Geometry:
        """The same Gaussians on another device or in another floating type."""
        return Geometry(*(getattr(self, f.name).to(device=device, dtype=dtype) for f in fields(self)))
