"""SparseRows and RowsAdam: cached rows of A, products with them, and steps on what they touch."""

from __future__ import annotations

import pytest
import torch

from saga.native import bindings
from saga.raster import RowsAdam, SparseRows


@pytest.fixture(params=["reference", "cpu", "emulated", "cuda"])
def device(request, monkeypatch):
    """Products by PyTorch, as where there is no compiler, and by each native library."""
    if request.param == "reference":
        monkeypatch.setattr(bindings, "library", lambda device_type: None)
    elif request.param == "emulated":
        request.getfixturevalue("emulated")
    elif request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    elif bindings.library(request.param) is None:
        pytest.skip(f"the {request.param} library is not built")
    return "cuda" if request.param == "cuda" else "cpu"


def random_rows(count=37, columns=50, seed=0, device="cpu"):
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(count, columns, generator=generator)
    dense[torch.rand(count, columns, generator=generator) < 0.8] = 0
    dense[5] = 0  # a pixel that sees nothing
    member, indices = dense.nonzero(as_tuple=True)
    indptr = torch.zeros(count + 1, dtype=torch.int64)
    indptr[1:] = torch.bincount(member, minlength=count).cumsum(0)
    values = (indptr, indices.to(torch.int32), dense[member, indices])
    return dense.to(device), SparseRows(*(value.to(device) for value in values), columns)


@pytest.mark.parametrize("channels", [1, 3, 32, 33])
@pytest.mark.parametrize("selected", [None, [3, 3, 0, 5, 36], []])
def test_products(device, channels, selected):
    dense, rows = random_rows(device=device)
    chosen = None if selected is None else torch.tensor(selected, dtype=torch.int64, device=device)
    part = dense if chosen is None else dense[chosen]
    x, y = torch.randn(50, channels, device=device), torch.randn(len(part), channels, device=device)
    torch.testing.assert_close(rows.render(x, chosen), part @ x, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(rows.lift(y, chosen), part.T @ y, atol=1e-5, rtol=1e-5)


def test_permuted_and_concatenated(device):
    dense, rows = random_rows(device=device)
    order = torch.tensor([4, 4, 36, 0, 5], device=device)
    x = torch.eye(50, device=device)
    torch.testing.assert_close(rows.select(order).render(x), dense[order])
    joined = SparseRows.concatenated([rows.select(order), rows, rows.select(order[:0])])
    assert len(joined) == 42 and joined.columns == 50
    torch.testing.assert_close(joined.render(x), torch.cat([dense[order], dense]))


def test_nbytes_counts_what_is_held():
    dense, rows = random_rows()
    assert rows.nbytes == 38 * 8 + int((dense > 0).sum()) * (4 + 4)


def test_rows_without_weights_are_means(device, monkeypatch):
    """In native code and in PyTorch, forward and back, whole and of some rows."""
    dense, rows = random_rows(device=device)
    means = SparseRows(rows.indptr, rows.indices, rows.weights[:0], rows.columns)
    shares = (dense > 0).float() / (dense > 0).sum(1, keepdim=True).clamp(min=1)
    x, y = torch.randn(50, 8, device=device), torch.randn(37, 8, device=device)
    some = torch.tensor([5, 2, 5], device=device)
    for _ in range(2):
        torch.testing.assert_close(means.render(x), shares @ x)
        torch.testing.assert_close(means.render(x, some), shares[some] @ x)
        torch.testing.assert_close(means.lift(y), shares.T @ y)
        torch.testing.assert_close(means.select(some).render(x), shares[some] @ x)
        monkeypatch.setattr(bindings, "library", lambda device_type: None)
    assert means.nbytes < rows.nbytes


def test_columns_are_renumbered_or_left_out():
    dense, rows = random_rows()
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    x = torch.randn(50, 4)
    torch.testing.assert_close(rows.over(order).render(x[order]), dense @ x)
    assert torch.equal(rows.touched(), (dense > 0).any(0).nonzero()[:, 0])
    kept = torch.arange(50) % 3 > 0
    masked = rows.masked(kept)
    torch.testing.assert_close(masked.render(x), dense[:, kept] @ x[kept])
    assert len(masked.indices) == int((dense[:, kept] > 0).sum()) and rows.longest == int((dense > 0).sum(1).max())


def test_adam_equals_torch_adam_on_touched_rows(device):
    """With every Gaussian touched at every step it is Adam; an untouched one is left alone."""
    dense, rows = random_rows(device=device)
    torch.manual_seed(0)
    start, everything = torch.randn(50, 8, device=device), torch.arange(37, device=device)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    mine, adam = RowsAdam(ours, rate=0.05), torch.optim.Adam([theirs], lr=0.05)
    touched = dense.sum(0) > 0
    for _ in range(12):
        gradient = torch.randn(37, 8, device=device)
        mine.step(rows, gradient, everything)
        theirs.grad = dense.T @ gradient
        adam.step()
    torch.testing.assert_close(ours[touched], theirs.detach()[touched], atol=1e-5, rtol=1e-4)
    assert (ours - start)[touched].abs().mean() > 0.05, "it moved"
    assert torch.equal(ours[~touched], start[~touched])


def test_adam_steps_only_where_selected_pixels_look(device):
    dense, rows = random_rows(device=device)
    x = torch.zeros(50, 4, device=device)
    adam = RowsAdam(x, rate=0.1)
    selected = torch.tensor([2, 7, 2], device=device)
    for _ in range(3):
        adam.step(rows, torch.ones(3, 4, device=device), selected)
    touched = dense[[2, 7]].sum(0) > 0
    assert touched.any() and not touched.all()
    assert adam.steps.tolist() == (3 * touched.int()).tolist()
    torch.testing.assert_close(x[touched], torch.full_like(x[touched], -0.3), atol=1e-4, rtol=0)
    assert x[~touched].abs().sum() == 0


def test_adam_paths_agree(monkeypatch):
    if bindings.library("cpu") is None:
        pytest.skip("the cpu library is not built")
    _, rows = random_rows(seed=3)
    results = []
    for path in ("native", "reference"):
        if path == "reference":
            monkeypatch.setattr(bindings, "library", lambda device_type: None)
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(50, 32, generator=generator)
        adam = RowsAdam(x, rate=0.01)
        for _ in range(20):
            selected = torch.randint(0, 37, (6,), generator=generator)
            adam.step(rows, torch.randn(6, 32, generator=generator), selected)
        results.append((x, adam.steps))
    torch.testing.assert_close(results[0][0], results[1][0], atol=2e-5, rtol=1e-3)
    assert torch.equal(results[0][1], results[1][1])
