"""Objects for engines, on the command line."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import tyro

from saga.assets.config import AssetConfig, Origin
from saga.cli.options import SAYS_DEFAULT
from saga.errors import SagaError


@dataclass(frozen=True)
class AssetInputs:
    """Whether objects are also written for engines, and how they stand there."""

    asset: bool = False
    """Also write each object for engines, upright and at its origin, with a closed mesh (GLB), its convex hull and a
    manifest. Needs the packages of "saga-splat[mesh]"."""
    up: Annotated[str, tyro.conf.arg(metavar="auto|AXIS|X,Y,Z")] = "auto"
    """With --asset, which way is up in the scene: x, y, z, -x (--up=-x), -y, -z or x,y,z; auto takes the support that
    the object stands on, else what the cameras agree on, else a guess."""
    origin: Origin = "base"
    """With --asset, what lies at 0: the middle of the object's foot, its center, or the scene's own origin."""
    scale: Annotated[float | None, SAYS_DEFAULT] = None
    """With --asset, units of the scene in a meter; 1 by default."""
    convex_parts: bool = False
    """With --asset, also write the mesh as convex parts (parts.glb), for engines that take no others. Needs the package
    of "saga-splat[convex]"."""

    def config(self) -> AssetConfig | None:
        """Returns how objects for engines stand; None when none are asked for.

        Raises:
            SagaError: an option means nothing, or nothing without --asset, or a package is missing.
        """
        if not self.asset:
            options = [each.name for each in fields(AssetInputs) if each.name != "asset"]
            given = [name for name in options if getattr(self, name) != getattr(AssetInputs(), name)]
            if given:
                option = given[0].replace("_", "-")
                raise SagaError(f"--{option}: expected --asset with it, found none; give it too, or leave this out.")
            return None
        from saga.assets.glb import require_packages

        config = AssetConfig(self.up, self.origin, 1.0 if self.scale is None else self.scale, self.convex_parts)
        require_packages(config)
        return config
