from .config import TrainConfig as TrainConfig
from .field import FeatureField as FeatureField
from .trainer import train as train
