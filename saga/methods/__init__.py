"""Other methods of segmentation on the same operator: each works through render, lift and single rows of A."""

from saga.methods.disconerf import DiscoNerfConfig, ObjectSlots, discover_objects
from saga.methods.methods import CONFIGS, open_method
from saga.methods.prompter import MaskPrompter, Prompter, SamPrompter
from saga.methods.sa3d import Sa3d, Sa3dConfig
from saga.methods.sanerf_hq import SanerfHq, SanerfHqConfig
from saga.methods.sgisrf import Sgisrf, SgisrfConfig
from saga.methods.view_order import choose_views
from saga.raster.device_scene import DeviceScene

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
    "DeviceScene",
    "choose_views",
    "discover_objects",
    "open_method",
]
