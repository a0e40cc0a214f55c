from .answers import Answer as Answer
from .answers import nested_answers as nested_answers
from .build import build_regions as build_regions
from .config import RegionConfig as RegionConfig
from .evidence import Evidence as Evidence
from .judgment import Judgment as Judgment
from .scene_regions import SceneRegions as SceneRegions
