"""Results as files: objects, masks, pictures."""

from saga.export.boundary import Parts, split_boundary
from saga.export.pruning import floating_members, hidden_members
from saga.export.rendering import render_color, render_labels, render_masks
from saga.export.segmentation import write_objects, write_segmentation
from saga.export.views import render_views

__all__ = [
    "Parts",
    "floating_members",
    "hidden_members",
    "render_color",
    "render_labels",
    "render_masks",
    "render_views",
    "split_boundary",
    "write_objects",
    "write_segmentation",
]
