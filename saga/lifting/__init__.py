"""Other methods of segmentation on the same operator: each works through render, lift and single rows of A."""

from saga.lifting.disconerf import DiscoNerfConfig, ObjectSlots, discover_objects
from saga.lifting.methods import CONFIGS, open_method
from saga.lifting.prompter import MaskPrompter, Prompter, SamPrompter
from saga.lifting.sa3d import Sa3d, Sa3dConfig
from saga.lifting.sanerf_hq import SanerfHq, SanerfHqConfig
from saga.lifting.sgisrf import Sgisrf, SgisrfConfig
from saga.lifting.views import Views, choose_views

__all__ = [
    "CONFIGS",
    "DiscoNerfConfig",
    "MaskPrompter",
    "ObjectSlots",
    "Prompter",
    "Sa3d",
    "Sa3dConfig",
    "SamPrompter",
    "SanerfHq",
    "SanerfHqConfig",
    "Sgisrf",
    "SgisrfConfig",
    "Views",
    "choose_views",
    "discover_objects",
    "open_method",
]
