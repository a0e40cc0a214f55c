"""SGISRF: scene-generalizable interactive segmentation (Tang et al. 2023) on Gaussian scenes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
