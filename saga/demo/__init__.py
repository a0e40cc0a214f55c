"""A procedural scene with exact labels, for trying the toolkit and for testing it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
