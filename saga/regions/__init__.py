"""Regions of a scene: where things end, on the surface that all views see; they answer a click without training."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
