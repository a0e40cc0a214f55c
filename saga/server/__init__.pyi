from .app import build_app as build_app
from .folders import Folders as Folders
from .scenes import Scenes as Scenes

__all__ = ["Folders", "Scenes", "build_app"]
