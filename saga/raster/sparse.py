"""SparseRows: rows of the blending operator kept in memory, and products with them."""

from __future__ import annotations

from ctypes import byref
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from saga.native import bindings as c
from saga.raster import reference


@dataclass(frozen=True)
class SparseRows:
    """P rows of A in compressed sparse row form: one row per pixel, entries front to back."""

    indptr: Tensor  # [P + 1] int64
    indices: Tensor  # [nnz] int32, Gaussians
    weights: Tensor  # [nnz] float32, or [0] where every entry of a row counts the same: 1 / their number
    columns: int
    """Number of Gaussians N."""

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.indptr) - 1

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(t.numel() * t.element_size() for t in (self.indptr, self.indices, self.weights))

    def select(
        self,
        order: Tensor,  # [Q] int64
    ) -> SparseRows:
        """Returns the rows order[0], order[1], ... (any selection, repeats allowed)."""
        counts = (self.indptr[1:] - self.indptr[:-1])[order]
        indptr = torch.zeros(len(order) + 1, dtype=torch.int64, device=order.device)
        torch.cumsum(counts, 0, out=indptr[1:])
        shift = torch.repeat_interleave(self.indptr[:-1][order] - indptr[:-1], counts)
        entries = torch.arange(int(indptr[-1]), device=order.device) + shift
        weights = self.weights if len(self.weights) == 0 else self.weights[entries]
        return SparseRows(indptr, self.indices[entries], weights, self.columns)

    def weighted(self) -> SparseRows:
        """Returns the rows with a weight of its own for every entry."""
        if len(self.weights) == len(self.indices):
            return self
        counts = self.indptr.diff()
        return SparseRows(self.indptr, self.indices, (1.0 / counts).repeat_interleave(counts), self.columns)

    @cached_property
    def longest(self) -> int:
        """Entries of the row that has most."""
        return int(self.indptr.diff().max()) if len(self) > 0 else 0

    def touched(self) -> Tensor:  # [T] int64
        """Returns the columns that have an entry, ascending."""
        has_entry = torch.zeros(self.columns, dtype=torch.bool, device=self.indices.device)
        has_entry[self.indices.long()] = True
        return has_entry.nonzero()[:, 0]

    def over(
        self,
        columns: Tensor,  # [T] int64, all different
    ) -> SparseRows:
        """Returns the rows over these columns alone, in this order; they hold every entry."""
        place = torch.empty(self.columns, dtype=torch.int32, device=self.indices.device)
        place[columns] = torch.arange(len(columns), dtype=torch.int32, device=place.device)
        return SparseRows(self.indptr, place.index_select(0, self.indices), self.weights, len(columns))

    def masked(
        self,
        kept: Tensor,  # [N] bool
    ) -> SparseRows:
        """Returns the rows without the entries of the columns that are not kept."""
        entries = kept.index_select(0, self.indices)
        before = torch.cat([self.indptr.new_zeros(1), entries.cumsum(0)])
        return SparseRows(before[self.indptr], self.indices[entries], self.weights[entries], self.columns)

    @staticmethod
    def concatenated(parts: list[SparseRows]) -> SparseRows:
        """Returns the rows of all parts, one after another; the parts share their columns."""
        ends = torch.tensor([0] + [int(p.indptr[-1]) for p in parts]).cumsum(0)
        indptr = torch.cat([parts[0].indptr[:1]] + [p.indptr[1:] + int(e) for p, e in zip(parts, ends, strict=False)])
        assert all(a.columns == b.columns for a, b in pairwise(parts))
        return SparseRows(
            indptr, torch.cat([p.indices for p in parts]), torch.cat([p.weights for p in parts]), parts[0].columns
        )

    def placed(self, device: torch.device, most_bytes: int) -> SparseRows:
        """Returns the rows where products on a device can read them: its memory, or pinned host memory if larger."""
        if device.type == "cpu":
            return self
        if self.nbytes <= most_bytes:
            return self.to(device)
        indptr, indices, weights = (part.cpu().pin_memory() for part in (self.indptr, self.indices, self.weights))
        return SparseRows(indptr, indices, weights, self.columns)

    def to(self, device: torch.device | str) -> SparseRows:
        """Returns the rows in a device's memory."""
        return SparseRows(self.indptr.to(device), self.indices.to(device), self.weights.to(device), self.columns)

    def _struct(self) -> c.RowsStruct:
        weights = c.pointer(self.weights) if len(self.weights) > 0 else None
        return c.RowsStruct(c.pointer(self.indptr, torch.int64), c.pointer(self.indices, torch.int32), weights)

    def render(
        self,
        x: Tensor,  # [N, C]
        selected: Tensor | None = None,  # [S] int64
    ) -> Tensor:  # [S, C]
        """Returns the blended values of x at the selected pixels (all by default)."""
        selected = self._all(x) if selected is None else selected
        if c.library(x.device.type) is None:
            part = self.weighted().select(selected)
            return reference.spmm(part.indptr, part.indices, part.weights, x)
        x, out = x.contiguous(), torch.empty(len(selected), x.shape[1], device=x.device)
        c.call(x.device.type, "saga_rows_render", byref(self._struct()), len(selected),
               c.pointer(selected, torch.int64), x.shape[1], c.pointer(x), c.pointer(out), c.stream(x))  # fmt: skip
        return out

    def lift(
        self,
        y: Tensor,  # [S, C]
        selected: Tensor | None = None,  # [S] int64
    ) -> Tensor:  # [N, C]
        """Returns the adjoint of render: sums of weight * y over the selected pixels, per Gaussian."""
        selected = self._all(y) if selected is None else selected
        if c.library(y.device.type) is None:
            part = self.weighted().select(selected)
            return reference.spmm_t(part.indptr, part.indices, part.weights, y, self.columns)
        y, out = y.contiguous(), torch.empty(self.columns, y.shape[1], device=y.device)
        workspace = c.workspace(y, "saga_rows_lift_workspace", self.columns, y.shape[1])
        rows = self.weighted()
        c.call(y.device.type, "saga_rows_lift", byref(rows._struct()), len(selected),
               c.pointer(selected, torch.int64), self.columns, y.shape[1], c.pointer(y), c.pointer(out),
               c.pointer(workspace, torch.uint8), c.stream(y))  # fmt: skip
        return out

    def _all(self, values: Tensor) -> Tensor:
        return torch.arange(len(self), device=values.device)


@dataclass
class RowsAdam:
    """Adam on per-Gaussian values, updating only the Gaussians that the selected pixels touch.

    Moments and step counts are kept per Gaussian, so that a rarely seen one is corrected for the steps it
    took and not for those of the others (Kingma and Ba, 2015, algorithm 1, applied per row).
    """

    x: Tensor  # [N, C] float32, updated in place
    rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    first: Tensor = field(init=False)  # [N, C]
    second: Tensor = field(init=False)  # [N, C]
    steps: Tensor = field(init=False)  # [N] int32

    def __post_init__(self) -> None:
        """Makes the moments."""
        self.first, self.second = torch.zeros_like(self.x), torch.zeros_like(self.x)
        self.steps = torch.zeros(len(self.x), dtype=torch.int32, device=self.x.device)
        self._most, self._workspace = 0, torch.empty(0, dtype=torch.uint8)

    def step(
        self,
        rows: SparseRows,
        gradient: Tensor,  # [S, C]
        selected: Tensor,  # [S] int64
    ) -> None:
        """Updates x once with the loss's gradient with respect to rows.render(x, selected)."""
        n, channels = self.x.shape
        if c.library(self.x.device.type) is None:
            self._step_reference(rows, gradient, selected)
            return
        gradient = gradient.contiguous()
        most = min(n, len(selected) * rows.longest)
        if most > self._most:  # of the gradient, there is only the part that one step touches
            self._workspace = c.workspace(self.x, "saga_rows_adam_workspace", n, channels, most, zero=True)
            self._most = most
        c.call(self.x.device.type, "saga_rows_adam", byref(rows._struct()), len(selected),
               c.pointer(selected, torch.int64), n, channels, self._most, c.pointer(gradient), c.pointer(self.x),
               c.pointer(self.first), c.pointer(self.second), c.pointer(self.steps, torch.int32), self.rate,
               *self.betas, self.epsilon, c.pointer(self._workspace, torch.uint8), c.stream(self.x))  # fmt: skip

    def _step_reference(self, rows: SparseRows, gradient: Tensor, selected: Tensor) -> None:
        dense = rows.lift(gradient, selected)
        touched = torch.unique(rows.select(selected).indices).long()
        g, (beta1, beta2) = dense[touched], self.betas
        self.steps[touched] += 1
        step = self.steps[touched, None].to(g.dtype)
        self.first[touched] += (1 - beta1) * (g - self.first[touched])
        self.second[touched] += (1 - beta2) * (g * g - self.second[touched])
        corrected = self.second[touched] / (1 - beta2**step)
        self.x[touched] -= self.rate / (1 - beta1**step) * self.first[touched] / (corrected.sqrt() + self.epsilon)
