from .config import DiscoNerfConfig as DiscoNerfConfig
from .field import SlotField as SlotField
from .slots import ObjectSlots as ObjectSlots
