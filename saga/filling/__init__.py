"""What an object hid: the rest of a scene without it, with no hole."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
