from .answer import Answer as Answer
from .answer import Match as Match
from .finder import ObjectFinder as ObjectFinder
from .scoring import Named as Named
from .source import Detections as Detections
from .source import Detector as Detector
from .source import TextImageModel as TextImageModel
from .text_image import TransformersTextImage as TransformersTextImage
