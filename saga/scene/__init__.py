"""Scenes on disk: the Gaussians of a PLY, the cameras around them, their photographs."""

from saga.scene.camera import Camera, LensModel
from saga.scene.gaussians import Gaussians
from saga.scene.loader import load_scene
from saga.scene.nerfstudio import write_transforms
from saga.scene.orbit import orbit_cameras
from saga.scene.scene import Scene

__all__ = ["Camera", "Gaussians", "LensModel", "Scene", "load_scene", "orbit_cameras", "write_transforms"]
