"""The products of the native backends as torch.library operators, each the gradient of the other."""

from __future__ import annotations

import torch
from torch import Tensor

from saga.raster.tiled_view import run_lift, run_render

render_op = torch.library.custom_op("saga::render", mutates_args=())(run_render)


@render_op.register_fake
def _(x: Tensor, splats: Tensor, tile_offsets: Tensor, ids: Tensor, width: int, height: int, exact: bool) -> Tensor:
    return x.new_empty(height, width, x.shape[1])


lift_op = torch.library.custom_op("saga::lift", mutates_args=())(run_lift)


@lift_op.register_fake
def _(y: Tensor, splats: Tensor, tile_offsets: Tensor, ids: Tensor, exact: bool) -> Tensor:
    return y.new_empty(len(splats), y.shape[2])


def _remember_render(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs[1:4])
    ctx.exact = inputs[6]


def _render_backward(ctx, gradient):  # type: ignore[no-untyped-def]
    return lift_op(gradient, *ctx.saved_tensors, ctx.exact), None, None, None, None, None, None


def _remember_lift(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs[1:4])
    ctx.height, ctx.width = inputs[0].shape[:2]
    ctx.exact = inputs[4]


def _lift_backward(ctx, gradient):  # type: ignore[no-untyped-def]
    return render_op(gradient, *ctx.saved_tensors, ctx.width, ctx.height, ctx.exact), None, None, None, None


render_op.register_autograd(_render_backward, setup_context=_remember_render)
lift_op.register_autograd(_lift_backward, setup_context=_remember_lift)
