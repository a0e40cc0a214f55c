"""A field of Segment Anything's features (SANeRF-HQ, section 3.1): any view can be prompted without its photograph."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks.rules import SAM_FEATURE_SIDE
from saga.methods.prompter import SamPrompter
from saga.methods.sanerf_hq.config import SanerfHqConfig
from saga.methods.view_order import choose_views
from saga.raster import BlendOperator
from saga.raster.device_scene import DeviceScene
from saga.runtime.progress import tracked
from saga.scene import Camera

_LEAST_WEIGHT = 1e-6
_LEAST_ALPHA = 1e-4
_REMEMBERED = 48


def feature_camera(camera: Camera) -> Camera:
    """Returns the camera whose pixels are the cells of a view's feature map in the image: 64 on the long side."""
    scale = SAM_FEATURE_SIDE / max(camera.width, camera.height)
    return camera.resized(max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))


def fit_features(
    device_scene: DeviceScene,
    maps: dict[str, Tensor],  # [256, 64, 64]
    iterations: int = 0,
    rate: float = 0.01,
    seed: int = 0,
) -> Tensor:  # [N, 256]
    """Returns per-Gaussian features, float32 [N, C], whose renderings are like feature maps [C, 64, 64] of views.

    Starts from lift(F) / lift(1) and takes steps of Adam on the squared error of one random view (eq. 3).
    """
    operators = {
        name: BlendOperator(device_scene.geometry, feature_camera(device_scene.scene.camera(name))) for name in maps
    }
    targets = {name: _inside(device_scene.scene.camera(name), features) for name, features in maps.items()}
    total, summed = torch.zeros(len(device_scene.geometry), 1, device=device_scene.device), torch.zeros(0)
    for name, operator in operators.items():
        target = targets[name]
        lifted = operator.lift(torch.cat([target, torch.ones_like(target[..., :1])], dim=-1))
        summed = lifted[:, :-1] if len(summed) == 0 else summed + lifted[:, :-1]
        total += lifted[:, -1:]
    field = torch.where(total > _LEAST_WEIGHT, summed / total.clamp(min=_LEAST_WEIGHT), 0.0)
    adam = torch.optim.Adam([field], rate)
    random = np.random.default_rng(seed)
    for _ in range(iterations):
        name = list(maps)[random.integers(len(maps))]
        with torch.no_grad():
            alpha = operators[name].alpha()[..., None]
            # Twice the difference is the gradient of the squared error; empty pixels have nothing to learn from.
            field.grad = 2 * operators[name].lift(operators[name].render(field) - alpha * targets[name])
        adam.step()
    return field


def render_features(
    device_scene: DeviceScene,
    field: Tensor,  # [N, C]
    camera: Camera,
) -> Tensor:  # [C, 64, 64]
    """Returns the feature map that a view would have (eq. 2), over alpha: half transparent cells count in full."""
    operator = BlendOperator(device_scene.geometry, feature_camera(camera))
    image = operator.render(field)
    alpha = operator.alpha()[..., None]
    image = torch.where(alpha > _LEAST_ALPHA, image / alpha.clamp(min=_LEAST_ALPHA), 0.0)
    square = torch.zeros(field.shape[1], SAM_FEATURE_SIDE, SAM_FEATURE_SIDE, device=field.device)
    square[:, : image.shape[0], : image.shape[1]] = image.permute(2, 0, 1)
    return square


class DistilledPrompter:
    """Segment Anything's decoder on features rendered from a field that is fitted to the photographs' at first use."""

    def __init__(self, prompter: SamPrompter, config: SanerfHqConfig, progress: bool = True) -> None:
        """Takes the model, and the photographs' features, from `prompter`.

        Raises:
            SagaError: the model's decoder needs more than features.
        """
        if not prompter.sam.decodes_features:
            kind = prompter.sam.model_type
            raise SagaError(
                f"features distilled: expected a model that answers from features alone, found {kind}, which needs the "
                "image; take mobile, vit_b, vit_l or vit_h, or features cache."
            )
        self.device_scene, self.sam, self.config, self.progress = prompter.device_scene, prompter.sam, config, progress
        self.description = f"{prompter.description}, on distilled features"
        self._encoded = prompter.features
        self.features = lru_cache(_REMEMBERED)(self._features)

    @cached_property
    def field(self) -> Tensor:  # [N, 256]
        """Features of the Gaussians. Raises SagaError when no view has a photograph."""
        cameras = [camera for camera in self.device_scene.scene.cameras if camera.image_path is not None]
        if not cameras:
            raise SagaError(
                f"{self.device_scene.scene.path}: distilled features need photographs; give the images' folder."
            )
        cameras = [cameras[0], *choose_views(cameras, cameras[0], max(0, self.config.views - 1))]
        encoded = {
            camera.name: torch.from_numpy(self._encoded(camera.name)).to(self.device_scene.device, torch.float32)
            for camera in tracked(cameras, self.progress, "features")
        }
        config = self.config
        return fit_features(self.device_scene, encoded, config.feature_iterations, config.feature_rate, config.seed)

    def mask(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
        box: tuple[int, int, int, int] | None = None,
        rough: np.ndarray | None = None,  # [H, W] bool
    ) -> np.ndarray | None:  # [H, W]
        """As in Prompter."""
        corners = None if box is None else np.asarray(box)
        features, size = self.features(camera.name), (camera.height, camera.width)
        given, which = (points, labels) if len(points) else (None, None)
        found = self.sam.predict(features, given, which, corners, size=size)
        return found if found.any() else None

    def _features(self, name: str) -> np.ndarray:  # [256, 64, 64]
        return (
            render_features(self.device_scene, self.field, self.device_scene.scene.camera(name))
            .cpu()
            .numpy()
            .astype(np.float16)
        )


def _inside(
    camera: Camera,
    features: Tensor,  # [C, 64, 64]
) -> Tensor:  # [h, w, C]
    """Returns the cells of a feature map that lie in the image."""
    small = feature_camera(camera)
    return features[:, : small.height, : small.width].permute(1, 2, 0)
