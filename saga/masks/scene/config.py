"""The config of the masks that come from the scene itself."""

from __future__ import annotations

from dataclasses import dataclass

from saga.config import Config


@dataclass(frozen=True)
class SceneMaskConfig(Config):
    """What decides the masks of a scene. Lengths are relative to the median depth D of what the views see.

    One set of values serves all scenes: each has a meaning in pixels, in noise of the surface, or in D.
    """

    views: int = 64
    """The most views that the surface is fused from, evenly spread; all views get masks."""
    grid_side: int = 320
    """Samples along the longer side of a view, where the surface is looked at."""
    voxel_pixels: float = 1.5
    """Side of a voxel, in samples of that grid at the median depth."""
    jump: float = 0.06
    """Samples where the depth changes by more than this share of itself are no surface."""

    inlier: float = 0.008
    """Distance from a plane that still belongs to it, of D."""
    reach: float = 0.35
    """Distance between the points that a plane is first put through, of D."""
    trials: int = 1500
    """Planes that are tried in each search."""
    planes: int = 6
    """The most planes that are looked for."""
    support_share: float = 0.20
    """Least share of all seen pixels that a support holds."""
    cameras_in_front: float = 0.9
    """Least share of the cameras that look at a support's upper side."""
    least_load: float = 0.02
    """Least matter in front of a support, relative to its own."""
    most_load: float = 1.5
    """Most matter in front of a support, relative to its own."""

    noises: float = 3.0
    """Height over the support that counts as above it, in local noise of the support."""
    least_height: float = 0.3
    """Least of that height, in inlier distances."""
    most_height: float = 1.5
    """Most of that height, in inlier distances."""
    link_voxels: float = 2.5
    """Distance at which voxels belong together."""
    link_neighbors: int = 8
    """Voxels within that distance that make one a core of a cluster."""
    persistence: float = 1.8
    """Times the height of the ground that joins them that two summits rise, to be two objects."""
    smallest: float = 1.5e-3
    """Least share of a view that an object fills in one of the views."""
    outline: float = 0.35
    """Least mean strength of image edges along an object's outline, from 0 (none) to 1 (closed)."""
    neck: float = 0.5
    """Width of the neck between two neighbors that touch, at most, relative to the narrower one's width."""
    doubtful_height: float = 4.0
    """Height up to which the surface of an object may be a bump of the support, in heights that count as above it."""
    doubtful_share: float = 0.2
    """The same at most, as a share of the object's own height."""
    ring: float = 0.55
    """Least share of the ring around the foot of a thing that is the flat top of what carries it."""
    ledge: float = 0.9
    """Least share of what a thing leaves free of its carrier that is one flat top."""
    seam: float = 0.6
    """Least mean strength of image edges between a thing and what carries it."""

    long_side: int = 640
    """Masks are made at this long side, in pixels, and enlarged."""
    smallest_mask: float = 6e-4
    """Smallest mask, as a share of the image."""
    part_inside: float = 0.9
    """Least share of a classical mask that lies inside one object, for it to be a part of that object."""
    parts: int = 20
    """The most classical masks a view keeps as parts."""
    superpixels: int = 800
    """Regions that the hierarchy of each photograph starts from, whose regions become parts."""
    object_weight: float = 4.0
    """Weight of the mask of an object, or of anything else that is no support, against a part's in training."""
    support_weight: float = 16.0
    """Weight of a support's mask: it is so large that as many samples as an object's leave holes."""
    seed: int = 0
    """Seed of the search for planes."""
