"""Evaluation: how well, how fast and how steadily a method turns prompts into objects.

A protocol reads a dataset into cases: a `Case` is a scene with its tasks, a `Task` is an object with its prompts and
its true masks. Each prompt of a task becomes one `Record`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
