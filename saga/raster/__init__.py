"""Rasterization with frozen geometry as a linear operator."""

from saga.native.bindings import cuda_available, cuda_obstacle
from saga.raster.device_scene import DeviceScene
from saga.raster.geometry import Geometry
from saga.raster.operator import Backend, BlendOperator
from saga.raster.sparse import RowsAdam, SparseRows

__all__ = [
    "Backend",
    "BlendOperator",
    "DeviceScene",
    "Geometry",
    "RowsAdam",
    "SparseRows",
    "cuda_available",
    "cuda_obstacle",
]
