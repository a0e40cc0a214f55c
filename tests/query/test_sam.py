"""Queries from SAM's own features, on a wall whose left and right are opposed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.query import QueryConfig
from saga.query.sam import queries, threshold
from saga.raster import BlendOperator, Geometry
from saga.scene import Scene
from saga.train import FeatureField, TrainConfig

LEFT, RIGHT = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])


class FirstChannels(torch.nn.Module):
    """Stands for phi: the first two channels of SAM's features."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:  # [256, 64, 64] -> [64 * 64, 2]
        return features[:2].flatten(1).T


@pytest.fixture
def operator(wall: Callable[..., Scene]) -> BlendOperator:
    scene = wall()
    return BlendOperator(Geometry.from_gaussians(scene.gaussians), scene.cameras[0])


@pytest.fixture
def field(operator: BlendOperator) -> FeatureField:
    features = torch.where(operator.geometry.means[:, :1] < 0, LEFT, RIGHT - 2 * LEFT)
    return FeatureField(features, "", TrainConfig(), [operator.camera], FirstChannels(), None)


@pytest.fixture
def sam_features() -> np.ndarray:  # [256, 64, 64]
    """The left half of the image, which fills the grid's first 48 rows, is one thing and the right half another."""
    features = np.zeros((256, 64, 64), np.float16)
    features[0, :, :32], features[1, :, 32:] = 1, 1
    return features


def region(x0: int, x1: int) -> np.ndarray:  # [48, 64] bool
    mask = np.zeros((48, 64), bool)
    mask[:, x0:x1] = True
    return mask


def test_the_mean_stands_for_a_mask_that_it_finds_again(operator, field, sam_features) -> None:
    found = queries(operator, field, sam_features, region(0, 32), QueryConfig())
    torch.testing.assert_close(found, LEFT[None])


def test_a_mask_that_its_mean_does_not_find_again_is_clustered(operator, field, sam_features) -> None:
    """The mean of both halves is alike to the left one's features and opposed to the right one's."""
    mask = region(8, 56)
    found = queries(operator, field, sam_features, mask, QueryConfig(clusters=2))
    torch.testing.assert_close(found[found[:, 0].argsort()], torch.stack([RIGHT, LEFT]), atol=0.01, rtol=0)
    accepted = queries(operator, field, sam_features, mask, QueryConfig(clusters=2, accept_overlap=0.4))
    torch.testing.assert_close(accepted, torch.tensor([[0.5, 0.5]]))


def test_where_sam_finds_nothing_there_is_no_query(operator, field, sam_features) -> None:
    with pytest.raises(SagaError, match="expected an object there in a.*, found none by SAM"):
        queries(operator, field, sam_features, region(0, 0), QueryConfig())


def test_the_threshold_is_the_papers_unless_a_number_is_given() -> None:
    scores = torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert threshold(scores, QueryConfig()) == pytest.approx(1.0)
    assert threshold(scores, QueryConfig(score_threshold=0.3)) == pytest.approx(0.3)
