from .files import instances_as_masks as instances_as_masks
from .files import write_scene as write_scene
from .scene import DemoScene as DemoScene
from .scene import make_scene as make_scene
