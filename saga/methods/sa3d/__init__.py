"""SA3D (Cen et al. 2023): one view's mask becomes a 3D mask that prompts every other view for its own."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
