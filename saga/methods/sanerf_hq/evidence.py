"""What the masks of several views say together of each Gaussian, in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from saga.methods.sanerf_hq.rays import RayCache

_LEAST_WEIGHT = 1e-4
"""Blended weight, summed over rays, from which a Gaussian counts as seen."""


class Evidence:
    """lift(M) and lift(1), summed over views."""

    def __init__(self, cache: RayCache) -> None:
        """Starts without any view."""
        self.cache = cache
        self.inside = torch.zeros(len(cache.device_scene.geometry), device=cache.device_scene.device)  # [N]
        self.total = torch.zeros_like(self.inside)  # [N]

    def add(
        self,
        name: str,
        mask: Tensor,  # [P] bool
        sign: int = 1,
    ) -> None:
        """Adds the mask of a view at its rays, or with `sign` -1 takes it away."""
        rays = self.cache.rays(name)
        self.inside += sign * rays.rows.lift(mask[:, None].to(torch.float32))[:, 0]
        self.total += sign * self.cache.weights(name)

    @property
    def known(self) -> Tensor:  # [N] bool
        """Gaussians that some view with a mask shows."""
        return self.total > _LEAST_WEIGHT

    @property
    def shares(self) -> Tensor:  # [N]
        """Share of each Gaussian's weight inside the masks, lift(M) / lift(1); 0 where nothing is known."""
        return torch.where(self.known, (self.inside / self.total.clamp(min=_LEAST_WEIGHT)).clamp(0, 1), 0.0)

    def rendered(self, name: str) -> tuple[Tensor, Tensor]:  # [P], [P]
        """Returns whether the rays of a view show the object, and whether it is known what they show."""
        known = self.known.to(torch.float32)
        both = self.cache.rays(name).rows.render(torch.stack([self.shares, known], dim=1))
        seen = both[:, 1] > 0.5
        return (both[:, 0] > 0.5 * both[:, 1]) & seen, seen
