"""A procedural scene with exact labels, for trying the toolkit and for testing it."""

from saga.demo.files import instances_as_masks, write_scene
from saga.demo.scene import DemoScene, make_scene

__all__ = ["DemoScene", "instances_as_masks", "make_scene", "write_scene"]
