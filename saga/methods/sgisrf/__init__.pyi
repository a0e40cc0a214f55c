from .config import SgisrfConfig as SgisrfConfig
from .model import SgisrfModel as SgisrfModel
from .segmenter import Sgisrf as Sgisrf
from .similarity import (
    ColorSimilarity as ColorSimilarity,
)
from .similarity import (
    FeatureSimilarity as FeatureSimilarity,
)
from .similarity import (
    MaskSimilarity as MaskSimilarity,
)
from .similarity import (
    Similarity as Similarity,
)
from .similarity import (
    open_similarity as open_similarity,
)
