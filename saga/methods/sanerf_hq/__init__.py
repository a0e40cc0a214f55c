"""SANeRF-HQ: an object field fitted to masks prompted in many views."""

from saga.methods.sanerf_hq.config import SanerfHqConfig
from saga.methods.sanerf_hq.method import SanerfHq

__all__ = ["SanerfHq", "SanerfHqConfig"]
