"""BlendOperator: rasterization with frozen geometry as the linear operator A of one camera.

A[p, i] = alpha_i(p) * prod_{j before i} (1 - alpha_j(p)) (SAGA, eq. 3). `render` is A x, `lift` is its
adjoint A^T y, `rows` are single rows of A.
"""

from __future__ import annotations

from typing import Literal, get_args

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


class BlendOperator:
    """The blending weights of one scene seen by one camera.

    Projection and sorting are done once, at construction; every product reuses them. All results are
    float32 on the geometry's device, and differentiable in x or y through PyTorch's autograd (each
    product is the other's gradient). Gaussians that are not finite, lie nearer than 0.01 or have
    an opacity below 1/255 have weight 0.
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
        available = backend in ("auto", "native") and bindings.library(geometry.means.device.type) is not None
        if backend == "native" and not available:
            raise SagaError(
                f"backend native: no library for {geometry.means.device.type} was built; "
                "install a C++ compiler (and nvcc for CUDA) and reinstall saga-splat, or use --backend reference."
            )
        self.backend: Backend = backend if backend != "auto" else "native" if available else "reference"
        self._view: tiled_view.TiledView | GsplatView | None = None
        if backend == "gsplat":
            self._view = GsplatView.build(geometry, camera)
        elif available:
            self._view = tiled_view.TiledView.build(geometry, camera)

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels and Gaussians, (H * W, N)."""
        return self.camera.width * self.camera.height, len(self.geometry.means)

    def render(
        self,
        x: Tensor,  # [N, C]
    ) -> Tensor:  # [H, W, C]
        """A x: blends any per-Gaussian quantity into an image (background 0). Time grows with C / 32."""
        if x.ndim != 2 or x.shape[0] != self.shape[1]:
            raise ValueError(f"render: expected x of shape [{self.shape[1]}, C], found {list(x.shape)}")
        if self._view is None:
            return reference.render(self.geometry, self.camera, x)
        view = self._view
        if isinstance(view, GsplatView):
            return view.render(x)
        return tiled_view.render(x, view, self.exact)

    def lift(
        self,
        y: Tensor,  # [H, W, C]
    ) -> Tensor:  # [N, C]
        """A^T y: gathers an image's values onto the Gaussians that it shows, the exact gradient of render."""
        if y.ndim != 3 or y.shape[:2] != (self.camera.height, self.camera.width):
            raise ValueError(
                f"lift: expected y of shape [{self.camera.height}, {self.camera.width}, C], found {list(y.shape)}"
            )
        if self._view is None:
            return reference.lift(self.geometry, self.camera, y)
        if isinstance(self._view, GsplatView):
            return self._view.lift(y)
        return tiled_view.lift(y, self._view, self.exact)

    def alpha(self) -> Tensor:  # [H, W]
        """Accumulated opacity, in [0, 1]."""
        return self.render(torch.ones(self.shape[1], 1, device=self.geometry.means.device))[..., 0]

    def depth(self) -> Tensor:  # [H, W]
        """Blended camera z in world units, not divided by alpha."""
        view = self._view
        depths = reference.project(self.geometry, self.camera).depths if view is None else view.depths
        return self.render(depths[:, None].to(torch.float32))[..., 0]

    def rows(
        self,
        pixels: Tensor,  # [P, 2]
    ) -> SparseRows:
        """Rows of A at sampled pixels, in the order given, entries front to back.

        Args:
            pixels: integer (x, y), the top left corner of the image is 0, 0; duplicates are allowed.

        Raises:
            ValueError: a pixel lies outside the image.
            SagaError: the backend is gsplat.
        """
        if isinstance(self._view, GsplatView):
            raise SagaError("backend gsplat: it gives images, not rows of the operator; use backend native for rows.")
        width, height = self.camera.width, self.camera.height
        device = self.geometry.means.device
        pixels = pixels.to(device=device, dtype=torch.int64)
        inside = (pixels >= 0).all(1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
        if not bool(inside.all()):
            bad = pixels[~inside][0].tolist()
            raise ValueError(f"rows: pixel {tuple(bad)} lies outside the image of {width} x {height}")
        if self._view is None:
            return SparseRows(*reference.rows(self.geometry, self.camera, pixels), columns=self.shape[1])
        tile = pixels[:, 1] // bindings.TILE * -(-width // bindings.TILE) + pixels[:, 0] // bindings.TILE
        tile, order = torch.sort(tile, stable=True)
        starts = torch.ones(len(tile), dtype=torch.bool, device=device)
        starts[1:] = tile[1:] != tile[:-1]
        runs = torch.cat([starts.nonzero()[:, 0], torch.tensor([len(tile)], device=device)])
        by_tile = pixels[order].to(torch.int32).contiguous()
        rows = SparseRows(*tiled_view.rows(self._view, by_tile, runs), columns=self.shape[1])
        return rows.select(torch.argsort(order))
