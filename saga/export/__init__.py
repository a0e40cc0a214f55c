"""Results as files: objects, masks, pictures."""

from saga.export.rendering import render_color, render_labels, render_masks
from saga.export.segmentation import write_objects, write_segmentation
from saga.export.views import render_views

__all__ = [
    "render_color",
    "render_labels",
    "render_masks",
    "render_views",
    "write_objects",
    "write_segmentation",
]
