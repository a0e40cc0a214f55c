"""Masks that are made from the scene itself: its surface, the supports, and what stands on them."""
