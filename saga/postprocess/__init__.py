"""Post-processing with the 3D prior: statistical filter, region growing, ball query (SAGA, section 3.5)."""

import lazy_loader

from saga.deferred import defer

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
# Without a library it takes the place of the native searches; its imports take longer than most calls of these.
defer(f"{__name__}.reference")
