"""What does a scene no good: strays and hidden Gaussians, proposed with a reason and a strength."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
