from .config import Sa3dConfig as Sa3dConfig
from .method import Sa3d as Sa3d
