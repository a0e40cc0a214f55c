"""The viewer in the browser: seeing a scene and selecting in it by looking."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
