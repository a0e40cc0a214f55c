"""Concealment-revealed supervision: losses of per-Gaussian logits rendered with rows of A (SGISRF, section 3.5)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from saga.raster import SparseRows


class _Product(torch.autograd.Function):
    """rows.render with its adjoint rows.lift as the gradient."""

    @staticmethod
    def forward(context: Any, x: Tensor, rows: SparseRows, selected: Tensor) -> Tensor:
        context.rows, context.selected = rows, selected
        return rows.render(x, selected)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return context.rows.lift(gradients[0], context.selected), None, None


def render_rows(
    rows: SparseRows,
    x: Tensor,  # [N, C] float32
    selected: Tensor,  # [S] int64
) -> Tensor:  # [S, C]
    """Returns blended values at selected pixels, differentiable in x."""
    result: Tensor = _Product.apply(x, rows, selected)
    return result


def supervision(
    rows: SparseRows,
    logits: Tensor,  # [N] float32
    selected: Tensor,  # [S] int64
    truth: Tensor,  # [S] float32, 0 or 1
    holistic: float = 1.0,
    object_logits: float = 1.0,
    object_opacity: float = 1.0,
) -> tuple[Tensor, dict[str, float]]:
    """Returns L = lambda L_hol + lambda_1 L_obj^1 + lambda_2 L_obj^2 (eq. 9 to 16), means over the selected pixels.

    s_hol = A s, s_obj = A (M s) and o = A M with M = sigmoid(s), so gradients of the object-exclusive losses reach
    Gaussians that others conceal in s_hol. Also returns each loss.
    """
    probability = torch.sigmoid(logits)
    x = torch.stack([logits, probability * logits, probability], dim=1)
    s_holistic, s_object, occupied = render_rows(rows, x, selected).unbind(1)
    losses = {
        "hol": functional.binary_cross_entropy_with_logits(s_holistic, truth),
        "obj1": functional.binary_cross_entropy_with_logits(s_object, truth),
        "obj2": ((occupied - truth) ** 2).mean(),
    }
    total = holistic * losses["hol"] + object_logits * losses["obj1"] + object_opacity * losses["obj2"]
    return total, {name: float(loss.detach()) for name, loss in losses.items()}
