"""DiscoNeRF: a whole scene cut into objects, from masks that need not agree between views."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
