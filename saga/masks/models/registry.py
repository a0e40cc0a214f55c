"""The models that have a short name: what each is for, how large it is, and under which license it comes.

Nothing here imports torch, so commands can show it at once.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

Task = Literal["masks", "words"]
"""What a model does: masks of photographs; or words, a text-image model or a detector."""


@dataclass(frozen=True)
class KnownModel:
    """One model with a short name."""

    name: str
    """What `--sam` takes."""
    source: str
    """Its id on the Hugging Face hub, or the name of its file in `saga.masks.models.files.OFFICIAL`."""
    megabytes: int
    """Size of the weights to download, 10^6 bytes; of files on the hub counted from the architecture, 4 bytes each."""
    license: str
    """License of the weights, as their authors name it."""
    purpose: str
    """What it is for, in one line."""
    task: Task = "masks"
    """What it does."""
    gated: bool = False
    """Whether its authors want their license accepted on the hub before they let anybody download it."""

    @property
    def is_file(self) -> bool:
        """Whether it is one checkpoint file, read through segment-anything, and no folder of the hub."""
        return "/" not in self.source

    @property
    def facts(self) -> str:
        """One line for people: name, size, license and purpose."""
        return f"{self.name} ({self.megabytes:,} MB, {self.license}): {self.purpose}"


_META, _HQ, _GOOGLE = "facebook", "syscv-community", "google"
MODELS: dict[str, KnownModel] = {
    model.name: model
    for model in (
        KnownModel("mobile", "mobile", 41, "Apache-2.0", "MobileSAM, the one for a CPU"),
        KnownModel("vit_b", "vit_b", 375, "Apache-2.0", "SAM ViT-B, its authors' file"),
        KnownModel("vit_l", "vit_l", 1250, "Apache-2.0", "SAM ViT-L, its authors' file"),
        KnownModel("vit_h", "vit_h", 2565, "Apache-2.0", "SAM ViT-H, its authors' file"),
        KnownModel("sam-b", f"{_META}/sam-vit-base", 375, "Apache-2.0", "SAM ViT-B from the hub"),
        KnownModel("sam-l", f"{_META}/sam-vit-large", 1249, "Apache-2.0", "SAM ViT-L from the hub"),
        KnownModel("sam-h", f"{_META}/sam-vit-huge", 2564, "Apache-2.0", "SAM ViT-H from the hub"),
        KnownModel("hq", f"{_HQ}/sam-hq-vit-large", 1255, "Apache-2.0", "SAM-HQ ViT-L, finer edges; wants a GPU"),
        KnownModel("hq-b", f"{_HQ}/sam-hq-vit-base", 379, "Apache-2.0", "SAM-HQ ViT-B, finer edges"),
        KnownModel("hq-l", f"{_HQ}/sam-hq-vit-large", 1255, "Apache-2.0", "SAM-HQ ViT-L, the same as hq"),
        KnownModel("hq-h", f"{_HQ}/sam-hq-vit-huge", 2571, "Apache-2.0", "SAM-HQ ViT-H, finer edges; wants a GPU"),
        KnownModel("sam2-tiny", f"{_META}/sam2.1-hiera-tiny", 156, "Apache-2.0", "SAM 2.1, the smallest"),
        KnownModel("sam2-small", f"{_META}/sam2.1-hiera-small", 184, "Apache-2.0", "SAM 2.1, small"),
        KnownModel("sam2-base", f"{_META}/sam2.1-hiera-base-plus", 323, "Apache-2.0", "SAM 2.1, base plus"),
        KnownModel("sam2-large", f"{_META}/sam2.1-hiera-large", 898, "Apache-2.0", "SAM 2.1, the largest; wants a GPU"),
        KnownModel("sam3", f"{_META}/sam3", 3440, "SAM License", "SAM 3, its tracker; wants a GPU", gated=True),
        KnownModel("edgetam", "yonigozlan/EdgeTAM-hf", 56, "Apache-2.0", "EdgeTAM, SAM 2 for small devices"),
        KnownModel("siglip2", f"{_GOOGLE}/siglip2-base-patch16-224", 1501, "Apache-2.0", "SigLIP 2, base", "words"),
        KnownModel("siglip2-large", f"{_GOOGLE}/siglip2-large-patch16-256", 3526, "Apache-2.0", "SigLIP 2", "words"),
        KnownModel("clip", "openai/clip-vit-base-patch32", 605, "MIT", "CLIP ViT-B/32, the fastest", "words"),
        KnownModel("grounding-dino", "IDEA-Research/grounding-dino-tiny", 690, "Apache-2.0", "boxes of words", "words"),
        KnownModel("clip-large", "openai/clip-vit-large-patch14", 1710, "MIT", "CLIP ViT-L/14", "words"),
    )
}
"""The models of masks by the short name that `--sam` takes, and others that the toolkit can fetch."""


_FIRST: dict[Task, tuple[str, ...]] = {
    "masks": ("mobile", "sam2-tiny", "sam2-large", "vit_b", "vit_h", "hq"),
    "words": ("siglip2", "clip", "sam3", "grounding-dino"),
}


def nearest_names(given: str, task: Task = "masks") -> str:
    """Returns the short names of models of a task most like `given`, or the recommended ones, for a message."""
    known = [name for name, model in MODELS.items() if model.task == task or name in _FIRST[task]]
    near = difflib.get_close_matches(given, known, n=3, cutoff=0.6)
    return ", ".join(near or _FIRST[task])
