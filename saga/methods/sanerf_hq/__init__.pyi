from .config import SanerfHqConfig as SanerfHqConfig
from .method import SanerfHq as SanerfHq
