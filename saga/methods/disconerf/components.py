"""From slots to objects: numbers for those that hold enough, and the parts of a slot that do not touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from saga.methods.disconerf.field import SlotField
from saga.raster import SparseRows


@dataclass(frozen=True)
class Objects:
    """Disjoint objects, largest first; object k is k - 1 in `slots`."""

    labels: Tensor  # [N] int32
    """Object of each Gaussian, 0 = none."""
    confidence: Tensor  # [N] float32
    """Probability of the slot that a Gaussian belongs to (section 6.1), 0 for those of none."""
    slots: Tensor  # [K] int64
    """The slot that each object comes from."""
    main: Tensor  # [K] bool
    """Whether the object is the largest of its slot's (always, unless slots were separated)."""


def find_objects(
    field: SlotField,
    valid: Tensor,  # [N] bool
    average: SparseRows | None,
) -> Objects:
    """Returns the objects of a field that have at least its configuration's `smallest_object`.

    With `average`, whose rows hold each Gaussian's neighbors, slots are separated into parts that hang together.
    """
    winners, _ = _winners(field)
    sizes = torch.bincount(winners[valid], minlength=len(field.bias))
    alive = sizes >= max(1, field.config.smallest_object)
    if not bool(alive.any()):
        alive = sizes == sizes.max()
    winners, confidence = _winners(field, alive)
    parts = winners if average is None else _separate(winners, valid, average, field.config.smallest_object)
    counts = torch.bincount(parts[valid], minlength=int(parts.max()) + 1 if len(parts) else 0)
    order = torch.argsort(counts, descending=True, stable=True)
    order = order[counts[order] > 0]
    number = torch.zeros_like(counts)
    number[order] = torch.arange(1, len(order) + 1, device=order.device)
    labels = torch.where(valid, number[parts], 0).to(torch.int32)
    slot_of = torch.zeros_like(counts)
    slot_of[parts[valid]] = winners[valid]
    slots = slot_of[order]
    first = torch.zeros(len(slots), dtype=torch.bool, device=slots.device)
    seen = np.unique(slots.cpu().numpy(), return_index=True)[1]
    first[torch.from_numpy(seen).to(first.device)] = True
    return Objects(labels, torch.where(valid, confidence, 0.0), slots, first)


def _winners(field: SlotField, alive: Tensor | None = None) -> tuple[Tensor, Tensor]:  # [N] int64, [N] float32
    """Returns the slot of the largest probability, among those alive, and that probability."""
    best = []
    for part in field.probabilities():
        best.append((part if alive is None else torch.where(alive, part, -1.0)).max(1))
    return torch.cat([b.indices for b in best]), torch.cat([b.values for b in best])


def _separate(winners: Tensor, valid: Tensor, average: SparseRows, smallest: int) -> Tensor:  # [N] int64
    """Returns a number for each part of each slot that hangs together.

    Parts of fewer Gaussians than `smallest` stay with the slot's largest, because they are most often stray Gaussians
    of it.
    """
    slots = winners.cpu().numpy()
    indptr, indices = average.indptr.cpu().numpy(), average.indices.cpu().numpy()
    rows = np.repeat(np.arange(len(slots)), np.diff(indptr))
    usable = valid.cpu().numpy()
    same = (slots[rows] == slots[indices]) & usable[rows] & usable[indices]
    graph = csr_matrix((np.ones(int(same.sum()), np.int8), (rows[same], indices[same])), shape=(len(slots),) * 2)
    _, parts = connected_components(graph, directed=False)
    sizes = np.bincount(parts[usable], minlength=parts.max() + 1)
    slot_of = np.zeros(len(sizes), np.int64)
    slot_of[parts] = slots
    largest = np.zeros(slots.max() + 1, np.int64)
    ascending = np.argsort(sizes, kind="stable")
    largest[slot_of[ascending]] = ascending  # the last one written is the largest
    target = np.where(sizes >= smallest, np.arange(len(sizes)), largest[slot_of])
    return torch.from_numpy(target[parts].astype(np.int64)).to(winners.device)
