"""DiscoNeRF: a whole scene cut into objects, from masks that need not agree between views."""

from saga.methods.disconerf.config import DiscoNerfConfig
from saga.methods.disconerf.field import SlotField
from saga.methods.disconerf.slots import ObjectSlots
from saga.methods.disconerf.trainer import discover_objects

__all__ = ["DiscoNerfConfig", "ObjectSlots", "SlotField", "discover_objects"]
