from .config import DiscoveryConfig as DiscoveryConfig
from .config import QueryConfig as QueryConfig
from .prompts import Prompt as Prompt
from .segmentation import Segmentation as Segmentation
from .segmenter import Segmenter as Segmenter
