"""DiscoNeRF: a whole scene cut into objects, from masks that need not agree between views."""

from saga.lifting.disconerf.config import DiscoNerfConfig
from saga.lifting.disconerf.field import SlotField
from saga.lifting.disconerf.slots import ObjectSlots
from saga.lifting.disconerf.trainer import discover_objects

__all__ = ["DiscoNerfConfig", "ObjectSlots", "SlotField", "discover_objects"]
