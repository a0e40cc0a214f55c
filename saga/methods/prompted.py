"""PromptedMethod: a method that asks for 2D masks, view by view."""

from __future__ import annotations

from typing import Literal

from saga.masks import MaskModel, MaskSource
from saga.methods.base import ConfigT, Method
from saga.methods.prompter import Prompter, open_prompter
from saga.raster.device_scene import DeviceScene
from saga.regions.scene_regions import SceneRegions
from saga.scene import Scene
from saga.train import FeatureField


class PromptedMethod(Method[ConfigT]):
    """A method that has something make, or choose, the mask of a prompt in a view.

    Attributes:
        prompter: what makes the masks.
    """

    def __init__(
        self,
        scene: Scene | DeviceScene,
        config: ConfigT | None = None,
        *,
        masks: MaskSource | None = None,
        sam: MaskModel | None = None,
        field: FeatureField | None = None,
        device: str = "auto",
        progress: bool = True,
        regions: SceneRegions | Literal[False] | None = None,
        prompter: Prompter | None = None,
    ) -> None:
        """As Method.

        Args:
            scene: as for Method.
            config: as for Method.
            masks: masks among which prompts choose; those that the scene gives itself by default.
            sam: Segment Anything, which makes the masks of prompts instead.
            field: not needed.
            device: as for Method.
            progress: as for Method.
            regions: as for Method; a first mask is chosen among their answers.
            prompter: makes the masks in a way of its own, instead of `masks` and `sam`.

        Raises:
            SagaError: as `masks_or_own`.
        """
        super().__init__(
            scene, config, masks=masks, sam=sam, field=field, device=device, progress=progress, regions=regions
        )
        if prompter is None:
            source = masks if sam is not None else self.masks_or_own()
            prompter = open_prompter(self.device_scene, source, sam, self.regions)
        self.prompter = prompter
