"""Selecting as a person does: prompts from any camera, undo and redo, named objects, kept beside the scene."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
