"""What several commands are given with a scene: its cameras, its masks, and the device that works on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saga.cli.options import Device, OptionalPath, OptionalText
from saga.cli.run import say
from saga.errors import SagaError
from saga.masks.config import MaskKind

if TYPE_CHECKING:
    from saga.masks import MaskModel, MaskSource
    from saga.raster import DeviceScene
    from saga.scene import Scene

PLANNED_VIEWS = 24
"""Views to make of a scene that has neither cameras nor photographs."""


@dataclass(frozen=True)
class CameraInputs:
    """Where the cameras are, and where to compute."""

    cameras: OptionalPath = None
    """COLMAP folder, transforms.json, cameras.json, or the cameras of LLFF, Polycam, Record3D, Metashape or
    RealityCapture; found near the scene by default."""
    align: str = "auto"
    """auto checks that photographs and scene agree and tries the frames that trainers use; none takes the cameras as
    they are; a file (dataparser_transforms.json, or a 4x4 matrix) is the frame to use."""
    device: Device = "auto"
    """Where to compute."""

    def choose_device(self) -> str:
        """Returns the device that `device` means, "cpu" or "cuda". Raises SagaError when it cannot be used."""
        from saga.runtime.device import choose_device

        return choose_device(self.device)

    def load(
        self, scene: Path, images: Path | None, *, strict: bool = False, views: int = PLANNED_VIEWS, seed: int = 0
    ) -> Scene:
        """Loads the scene with its cameras, and prints a line about everything that was assumed or made.

        Args:
            scene: The scene's file.
            images: Folder of its photographs.
            strict: Whether to refuse Gaussians that are not finite instead of leaving them out.
            views: Views to make where there are neither cameras nor photographs.
            seed: Seed of these views.

        Raises:
            SagaError: As `saga.opening.load_scene`.
        """
        from saga.opening import load_scene

        return load_scene(
            scene, images, self.cameras, strict, align_frames=self.align, views=views, seed=seed,
            device=self.choose_device(), say=say,
        )  # fmt: skip


@dataclass(frozen=True)
class MaskInputs:
    """Where masks of the views come from; without any, they are made."""

    masks: OptionalPath = None
    """Your own masks: a folder with a label PNG, a folder of PNGs, an npz or a JSON per image, or one annotation file
    for all (COCO, panoptic COCO, SA-V, LabelMe, CVAT)."""
    masks_kind: MaskKind = "auto"
    """What gray levels of pictures in the folder are: labels, each an object; or one object with soft edges. auto tells
    them apart."""
    sam: OptionalText = None
    """Mask model: a short name (mobile, vit_h, sam2-tiny, sam2-large, hq, ...), an id of the Hugging Face hub, a
    folder, or a checkpoint file of Segment Anything or MobileSAM."""
    propagate: bool = False
    """Carry the masks of a few photographs to all others with the video model that --sam names (sam2-tiny), so that a
    thing has one id in all views."""
    cache: OptionalPath = None
    """Folder where masks that are made are kept; beside the scene, or in your own cache, by default."""

    def open(self, scene: Scene | DeviceScene, device: str, join: bool = False) -> MaskSource:
        """Opens the masks of a scene, and prints what they are.

        Args:
            scene: The scene.
            device: Where to compute.
            join: Whether objects that the scene's geometry shows join masks that miss them.

        Raises:
            SagaError: As `saga.masks.open_masks`.
        """
        from saga.masks import open_masks

        source = open_masks(
            scene, self.masks, self.sam, self.cache, device, kind=self.masks_kind, join=join, say=say,
            propagate=self.propagate,
        )  # fmt: skip
        say(source.description)
        return source

    def load_sam(self, device: str) -> MaskModel | None:
        """Opens the mask model, if one was given. Raises SagaError as `open_model` does."""
        if self.sam is None:
            return None
        from saga.masks import open_model

        return open_model(self.sam, device)

    def refuse_propagation(self) -> None:
        """Raises SagaError for --propagate where no masks of all views are made."""
        if self.propagate:
            raise SagaError(
                "--propagate: expected it where masks of all views are made (saga-train, saga-discover), found it with "
                "a prompt; leave it out."
            )

    def refuse(self, method: str, *names: str) -> None:
        """Raises SagaError for the first option given, of these, that a method does not take."""
        for name in names:
            refuse(f"--{name}", getattr(self, name), method)


def refuse(option: str, value: object, method: str) -> None:
    """Raises SagaError when an option was given that a method does not take."""
    if value is not None:
        raise SagaError(f"{option}: expected nothing with --method {method}, found {value}; leave it out.")
