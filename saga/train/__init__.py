"""Training of per-Gaussian features from 2D masks."""

import lazy_loader

from saga.deferred import defer

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
# Code that adjusts the trainer finds it in sys.modules once this package is imported; it is loaded when it is used.
defer(f"{__name__}.trainer")
