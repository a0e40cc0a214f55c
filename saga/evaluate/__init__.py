"""Evaluation: how well, how fast and how steadily a method turns prompts into objects."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
