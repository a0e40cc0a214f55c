from .config import DiscoNerfConfig as DiscoNerfConfig
from .field import SlotField as SlotField
from .slots import ObjectSlots as ObjectSlots
from .slots import discover_objects as discover_objects
