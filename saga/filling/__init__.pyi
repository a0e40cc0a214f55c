from .filling import Filling as Filling
from .filling import fill as fill
from .inpainting import Inpainter as Inpainter
