from .viewer import Viewer as Viewer
from .viewer import view as view
