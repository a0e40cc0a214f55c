"""Objects by words: a text-image model on crops of objects, or a detector in every view."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
