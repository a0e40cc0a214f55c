"""Settings of SGISRF's inference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SgisrfConfig:
    """How a prompt becomes a segmentation."""

    propagation: bool = True
    """P of Table 1: guidance from similarity maps and the bilateral filter. Without, each click speaks for its own
    voxel and the 8 around it; a model trained without needs that."""
    refinement: bool = True
    """U of Table 1: voxels near probability 0.5 are predicted again at twice the resolution."""
    exponent: float = 0.35
    """Power of positive clicks' similarity where features are sets of masks (Similarity.nested); 1 is the paper's.
    Below 1 the whole is preferred to the part: two pixels of an object share few of many nested masks. 2D mIoU of one
    click with 1, 0.5 and 0.35 (a model of 1300 iterations): tabletop 82, 88, 88; composite 88, 84, 83; with classical
    masks, flower 39, 63, 90 and dtu24 29, 42, 53."""
    threshold: float = 0.5
    """Probability from which a Gaussian belongs to the object."""
    margin: float = 1.8
    """Side of the grid's cube relative to the spread of what a click's similarity map marks."""
    rounds: int = 3
    """Predictions at most: while the object found does not fit the cube, it is fitted and predicted again."""
    echo_views: int = 8
    """Other views in which a positive click is repeated where they show the same point of the surface, so that wrong
    masks are outvoted; 0 uses the clicked view alone, as the paper does. 2D mIoU of one click with 0, 4 and 8:
    composite 47, 83, 85; flower 91, 91, 92; dtu24 80, 61, 65."""
    band: float = 0.4
    """Distance from probability 0.5 up to which a voxel is uncertain."""
    refined_voxels: int = 2048
    """Uncertain voxels that are refined at most."""
    lifted_pixels: int = 25_000
    """Pixels of a view that are lifted at most, evenly spaced over what the view shows of the cube."""
    scribble_clicks: int = 6
    """Clicks that stand for a scribble or a mask."""
