"""The config of cells and regions."""

from __future__ import annotations

from dataclasses import dataclass

from saga.config import Config, Fraction, NonNegativeInt, PositiveInt
from saga.masks.scene.config import SceneMaskConfig


@dataclass(frozen=True)
class Cues:
    """What keeps two regions apart, relative to each other, in one hierarchy."""

    color: float
    """Weight of the difference in hue (Lab a and b)."""
    emptiness: float
    """Weight of the empty part of the pair's common bounding box in views, as a share of the image: a factor."""
    depth: float
    """Weight of depth jumps along the border."""
    concavity: float
    """Weight of concave creases along the border; convex ones count as much against it."""
    pictures: bool
    """Whether cells that only meet in pictures, one in front of the other, have a border too."""
    texture: float = 0.7
    """Share of the texture inside both that is taken off the edge between them."""


@dataclass(frozen=True)
class RegionConfig(Config):
    """What decides the cells and regions of a scene; one set of values serves all scenes."""

    voxels: PositiveInt = 120_000
    """The surface is made coarser until it has no more voxels than this."""
    cells: PositiveInt = 5_000
    """About how many cells the surface is divided into."""
    divisions: NonNegativeInt = 3
    """How often the surface is divided into half as many cells, too, elsewhere each time. What a hierarchy finds hangs
    on what it merges first, and that on where cells happen to lie: what one division misses another may have."""
    hierarchies: tuple[Cues, ...] = (
        Cues(color=2.0, emptiness=0.0, depth=1.0, concavity=1.0, pictures=False),
        Cues(color=2.0, emptiness=0.0, depth=1.0, concavity=1.0, pictures=True),
        Cues(color=0.5, emptiness=3.0, depth=2.0, concavity=1.0, pictures=False),
        Cues(color=0.5, emptiness=3.0, depth=2.0, concavity=1.0, pictures=True),
    )
    """A hierarchy of regions each. What sets a plant apart (color) differs from what sets a house apart (depth, empty
    space around it): a region that several agree on comes first."""
    each: NonNegativeInt = 200
    """Regions that each hierarchy proposes."""
    regions: NonNegativeInt = 800
    """The most regions that are kept of all."""
    smallest: Fraction = 6e-4
    """Smallest region, as a share of what a view shows on average."""
    largest: Fraction = 0.95
    """Largest region, as a share of what a view shows on average."""
    seam: Fraction = 0.2
    """Weakest border, from 0 (none) to 1 (closed), between a region and what it is merged with next."""
    agreement: Fraction = 0.8
    """IoU from which the regions of two hierarchies are the same."""
    duplicate: Fraction = 0.85
    """Of two regions with a greater IoU, one is kept."""
    views: PositiveInt = SceneMaskConfig.views
    """The most views that are looked at, evenly spread: those of the scene's masks, whose surface serves where it is at
    hand. Others would give other regions whenever the masks were kept."""
    long_side: PositiveInt = 640
    """Long side in pixels at which image edges are looked at."""
