"""SA3D (Cen et al. 2023): one view's mask becomes a 3D mask that prompts every other view for its own."""

from saga.methods.sa3d.config import Sa3dConfig
from saga.methods.sa3d.method import Sa3d

__all__ = ["Sa3d", "Sa3dConfig"]
