"""What an object of the demo is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saga.demo.surfaces import Surface
from saga.demo.textures import Texture


@dataclass(frozen=True)
class Patch:
    """One surface of an object."""

    surface: Surface
    texture: Texture
    gloss: float = 0.06
    """Height of the view-dependent sheen, 0 for matt."""
    glow: float = 0.0
    """Light of its own, as a fraction of its color."""


@dataclass(frozen=True)
class DemoObject:
    """An object, where it stands, and how finely it is sampled."""

    name: str
    patches: Sequence[Patch]
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    """Turn about z, in radians."""
    detail: float = 1.0
    """Surfels per area, relative to the other objects."""
    scale: float = 1.0
    """Factor of all lengths, applied around the foot point."""
    lit: bool = True
    """Whether light falls on it and it casts shadows; the sky has its own light, and hides none."""
