"""Masks that agree between views: a tracker carries those of a few photographs along, and geometry judges it."""
