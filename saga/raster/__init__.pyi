from .device_scene import DeviceScene as DeviceScene
from .geometry import Geometry as Geometry
from .operator import Backend as Backend
from .operator import BlendOperator as BlendOperator
from .operator import Surface as Surface
from .sparse import RowsAdam as RowsAdam
from .sparse import SparseRows as SparseRows
