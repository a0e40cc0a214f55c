"""SANeRF-HQ: an object field fitted to masks prompted in many views."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
