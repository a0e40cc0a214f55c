"""BlendOperator: rasterization with frozen geometry as the linear operator A of one camera.

A[p, i] = alpha_i(p) * prod_{j before i} (1 - alpha_j(p)) (SAGA, eq. 3). `render` is A x, `lift` is its
adjoint A^T y, `rows` are single rows of A.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from saga.errors import SagaError
from saga.native import bindings
from saga.raster import reference, tiled_view
from saga.raster.geometry import Geometry
from saga.raster.gsplat import GsplatView
from saga.raster.sparse import SparseRows
from saga.scene.camera import Camera

Backend = Literal["auto", "native", "reference", "gsplat"]


class Surface(NamedTuple):
    """What pixels show of a scene's surface."""

    depth: Tensor  # [...]
    """Camera z (not the distance along the ray) in world units, inf where alpha < 0.5."""
    alpha: Tensor  # [...]
    """Accumulated opacity, in [0, 1]."""


class BlendOperator:
    """The blending weights of one scene seen by one camera.

    Projection and sorting are done once, at construction; every product reuses them. All results are
    float32 on the geometry's device, and differentiable in x or y through PyTorch's autograd (each
    product is the other's gradient). Gaussians that are not finite, lie nearer than 0.01
    units of the rasterizer (`Geometry.unit`) or have an opacity below 1/255 have weight 0.
    """

    def __init__(self, geometry: Geometry, camera: Camera, backend: Backend = "auto", exact: bool = False) -> None:
        """Projects and sorts the scene.

        Args:
            geometry: the frozen Gaussians; their device decides between the CPU and the CUDA library.
            camera: OpenCV pinhole.
            backend: "native" is the compiled library, "reference" the PyTorch twin, "gsplat" gsplat's
                rasterizer (CUDA only, and without rows); "auto" takes the native library when it was built for
                the device, and else the reference.
            exact: on a GPU, products of more than 4 channels round their factors to tf32 (10 bits of mantissa,
                sums in float32; relative error of a sum of like-signed terms at most 1e-3); True keeps float32,
                at about twice the time. The CPU is always exact.

        Raises:
            SagaError: an unknown backend, "native" without a library, or "gsplat" without gsplat or a GPU.
        """
        if backend not in get_args(Backend):
            raise SagaError(f"backend: expected one of {', '.join(get_args(Backend))}, found {backend!r}.")
        self.geometry, self.camera, self.exact = geometry, camera, exact
        self._inner, self._eye = geometry.in_units(), in_units(camera, geometry.unit)
        available = backend in ("auto", "native") and bindings.library(geometry.means.device.type) is not None
        if backend == "native" and not available:
            raise SagaError(
                f"backend native: no library for {geometry.means.device.type} was built; "
                "install a C++ compiler (and nvcc for CUDA) and reinstall saga-splat, or use backend reference."
            )
        self.backend: Backend = backend if backend != "auto" else "native" if available else "reference"
        self._view: tiled_view.TiledView | GsplatView | None = None
        if backend == "gsplat":
            self._view = GsplatView.build(self._inner, self._eye)
        elif available:
            self._view = tiled_view.TiledView.build(self._inner, self._eye)

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels and Gaussians, (H * W, N)."""
        return self.camera.width * self.camera.height, len(self.geometry.means)

    def render(
        self,
        x: Tensor,  # [N, C]
    ) -> Tensor:  # [H, W, C]
        """Returns A x: any per-Gaussian quantity blended into an image (background 0). Time grows with C / 32."""
        if x.ndim != 2 or x.shape[0] != self.shape[1]:
            raise ValueError(f"render: expected x of shape [{self.shape[1]}, C], found {list(x.shape)}")
        if self._view is None:
            return reference.render(self._inner, self._eye, x)
        view = self._view
        if isinstance(view, GsplatView):
            return view.render(x)
        return tiled_view.render(x, view, self.exact)

    def lift(
        self,
        y: Tensor,  # [H, W, C]
    ) -> Tensor:  # [N, C]
        """Returns A^T y: an image's values gathered onto the Gaussians that it shows, the exact gradient of render."""
        if y.ndim != 3 or y.shape[:2] != (self.camera.height, self.camera.width):
            raise ValueError(
                f"lift: expected y of shape [{self.camera.height}, {self.camera.width}, C], found {list(y.shape)}"
            )
        if self._view is None:
            return reference.lift(self._inner, self._eye, y)
        if isinstance(self._view, GsplatView):
            return self._view.lift(y)
        return tiled_view.lift(y, self._view, self.exact)

    def alpha(self) -> Tensor:  # [H, W]
        """Returns the accumulated opacity, in [0, 1]."""
        return self.render(torch.ones(self.shape[1], 1, device=self.geometry.means.device))[..., 0]

    def depth(self) -> Tensor:  # [H, W]
        """Returns the blended camera z in world units, not divided by alpha."""
        view = self._view
        depths = reference.project(self._inner, self._eye).depths if view is None else view.depths
        return self.render(depths[:, None].to(torch.float32))[..., 0] / self.geometry.unit

    def rows(
        self,
        pixels: Tensor,  # [P, 2]
    ) -> SparseRows:
        """Returns rows of A at sampled pixels, in the order given, entries front to back.

        Args:
            pixels: integer (x, y), the top left corner of the image is 0, 0; duplicates are allowed.

        Raises:
            ValueError: a pixel lies outside the image.
            SagaError: the backend is gsplat.
        """
        if isinstance(self._view, GsplatView):
            raise SagaError("rows: expected backend native or reference, found gsplat; use backend native.")
        pixels = self._inside("rows", pixels)
        if self._view is None:
            return SparseRows(*reference.rows(self._inner, self._eye, pixels), columns=self.shape[1])
        by_tile, runs, order = self._sorted_by_tile(pixels)
        return SparseRows(*tiled_view.rows(self._view, by_tile, runs, order), columns=self.shape[1])

    def pixels(self, step: int = 1) -> Tensor:  # [H', W', 2] int64
        """Returns (x, y) of every step-th row and column from step // 2 on, a regular grid; all pixels by default."""
        height, width = self.camera.height, self.camera.width
        y, x = (torch.arange(step // 2, side, step, device=self.geometry.means.device) for side in (height, width))
        return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)

    def surface(
        self,
        pixels: Tensor | None = None,  # [..., 2]
    ) -> Surface:
        """Returns the depth of the surface that pixels show; the blended depth mixes in what lies behind.

        For each entry of the pixel's row of A, the depth is where the ray meets most of the Gaussian's density:
        t = (d' S^-1 (mu - o)) / (d' S^-1 d), S its covariance, mu its mean, o + t d the ray. The surface lies at
        the mean by weight of the depths within 2 % of their median by weight. Rows are not kept: memory is
        that of the result and 44 bytes per Gaussian.

        Args:
            pixels: integer (x, y) as for `rows`; the whole image by default, and `pixels(step)` for a grid.

        Returns:
            Depth and alpha, of the pixels' shape [...], or [H, W].

        Raises:
            ValueError: a pixel lies outside the image.
            SagaError: the backend is gsplat.
        """
        if isinstance(self._view, GsplatView):
            raise SagaError("surface: expected backend native or reference, found gsplat; use backend native.")
        pixels = self.pixels() if pixels is None else pixels
        shape, pixels = pixels.shape[:-1], self._inside("surface", pixels.reshape(-1, 2))
        if self._view is None:
            depth, alpha = reference.surface(self._inner, self._eye, pixels)
            return Surface(depth.reshape(shape) / self.geometry.unit, alpha.reshape(shape))
        by_tile, runs, order = self._sorted_by_tile(pixels)
        sorted_ones = tiled_view.surface(self._view, self._inner, self._eye, by_tile, runs)
        depth, alpha = (torch.empty_like(part).index_copy_(0, order, part).reshape(shape) for part in sorted_ones)
        return Surface(depth / self.geometry.unit, alpha)

    def _inside(
        self,
        name: str,
        pixels: Tensor,  # [P, 2]
    ) -> Tensor:  # [P, 2] int64
        """Returns the pixels on the geometry's device. Raises ValueError when one lies outside the image."""
        width, height = self.camera.width, self.camera.height
        pixels = pixels.to(device=self.geometry.means.device, dtype=torch.int64)
        inside = (pixels >= 0).all(1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
        if not bool(inside.all()):
            bad = pixels[~inside][0].tolist()
            raise ValueError(f"{name}: pixel {tuple(bad)} lies outside the image of {width} x {height}")
        return pixels

    def _sorted_by_tile(
        self,
        pixels: Tensor,  # [P, 2] int64
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns pixels [P, 2] int32 tile by tile, runs [R + 1] of one tile each, and where each pixel stood [P]."""
        columns = -(-self.camera.width // bindings.TILE)
        tile = pixels[:, 1] // bindings.TILE * columns + pixels[:, 0] // bindings.TILE
        tile, order = torch.sort(tile, stable=True)
        starts = torch.ones(len(tile), dtype=torch.bool, device=tile.device)
        starts[1:] = tile[1:] != tile[:-1]
        runs = torch.cat([starts.nonzero()[:, 0], torch.tensor([len(tile)], device=tile.device)])
        return pixels[order].to(torch.int32).contiguous(), runs, order


def in_units(camera: Camera, unit: float) -> Camera:
    """Returns the camera in units of the rasterizer."""
    if unit == 1:
        return camera
    pose = camera.world_to_camera.copy()
    pose[:3, 3] *= unit
    return replace(camera, world_to_camera=pose)
