from .camera import Camera as Camera
from .camera import LensModel as LensModel
from .gaussians import Gaussians as Gaussians
from .loader import load_scene as load_scene
from .nerfstudio import write_transforms as write_transforms
from .orbit import orbit_cameras as orbit_cameras
from .scene import Scene as Scene
