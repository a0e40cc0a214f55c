"""Objects for engines: upright, at the origin, in meters, with a closed mesh and what says how they came there."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
