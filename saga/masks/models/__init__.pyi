from .files import OFFICIAL as OFFICIAL
from .registry import MODELS as MODELS
from .registry import KnownModel as KnownModel
from .resolve import ResolvedModel as ResolvedModel
from .resolve import resolve_model as resolve_model
