"""Scenes on disk: the Gaussians of a PLY, the cameras around them, their photographs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
