"""phi: the map from SAM's features to the space of the Gaussians' features (SAGA, eq. 4)."""

from __future__ import annotations

from torch import Tensor, nn

from saga.masks.rules import SAM_FEATURE_CHANNELS

_HIDDEN = 64


class SamProjection(nn.Module):
    """A two-layer perceptron applied to every position of SAM's feature map."""

    def __init__(self, dimensions: int = 32) -> None:
        """Makes a projection to features of so many channels, with random weights."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(SAM_FEATURE_CHANNELS, _HIDDEN),
            nn.LayerNorm(_HIDDEN),
            nn.LeakyReLU(),
            nn.Linear(_HIDDEN, dimensions),
        )

    def forward(
        self,
        features: Tensor,  # [256, h, w]
    ) -> Tensor:  # [h * w, C]
        """Returns the low-dimensional features of every position, row by row."""
        result: Tensor = self.layers(features.flatten(1).T)
        return result
