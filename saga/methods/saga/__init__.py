"""SAGA (Cen et al. 2023): prompts matched with features that were trained once for the scene."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
