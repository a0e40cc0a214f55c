"""Other methods of segmentation on the same operator: each works through render, lift and single rows of A."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
