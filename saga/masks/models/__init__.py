"""Mask models: their short names, where their files come from, and one interface to use them through."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
