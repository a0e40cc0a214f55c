"""saga: click an object in a 3D Gaussian splatting scene and get it in 3D.

Names are loaded when they are first used, so that importing saga is cheap; it changes nothing in the process.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
