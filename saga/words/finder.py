"""Asking the objects of a scene for words: each is shown to a text-image model once, then a query is a product."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from saga.errors import SagaError
from saga.query.segmentation import Segmentation
from saga.raster import DeviceScene
from saga.runtime.progress import tracked
from saga.words import crops
from saga.words.answer import Answer, Match
from saga.words.scoring import LEAST, Named, name, rank
from saga.words.sheet import THUMBNAIL
from saga.words.source import TextImageModel
from saga.words.store import EmbeddingStore, Pictures, key_of, stamp, words_folder
from saga.words.vocabulary import NEUTRAL, TEMPLATES, recolored, rivals

_MEANING = f"probability of the text against other words, found from {LEAST:.0%}"
_LONGEST = 300
"""Letters of a text; the models read fewer."""


class ObjectFinder:
    """Finds the objects of a scene that words describe (docs/words.md).

    Attributes:
        objects: the objects that are asked.
        model: the model that compares pictures and texts.
        store: where embeddings are kept.
    """

    def __init__(
        self,
        scene: DeviceScene,
        objects: Sequence[Segmentation],
        model: TextImageModel,
        folder: str | Path | None = None,
        progress: bool = True,
    ) -> None:
        """Takes the objects; nothing is rendered or embedded before the first query.

        Args:
            scene: the scene on a device.
            objects: objects of the scene, as `discover` returns them.
            model: embeds crops and texts.
            folder: where embeddings are kept; beside the scene by default, and in memory for one without a file.
            progress: whether to show bars on standard error.

        Raises:
            SagaError: the scene has no cameras, from which objects could be seen.
        """
        if not scene.scene.cameras:
            raise SagaError("words: expected a scene with cameras to see its objects from, found none; give --cameras.")
        self.scene, self.objects, self.model, self.progress = scene, list(objects), model, progress
        if folder is None and scene.scene.path is not None:
            folder = words_folder(scene.scene.path)
        self.store = EmbeddingStore(None if folder is None else Path(folder))
        self._pictures: Pictures | None = None

    @property
    def pictures(self) -> Pictures:
        """The embedded crops of the objects, made and kept when they are first asked for. Raises SagaError."""
        if self._pictures is None:
            self._pictures = self.store.pictures(self._key(), self._embedded)
        return self._pictures

    def rank(self, text: str) -> Answer:
        """Ranks all objects by how well a text describes them.

        Args:
            text: a name or a description, e.g. "red mug".

        Raises:
            SagaError: the text is empty or too long, or a file cannot be written.
        """
        text = checked(text)
        others = recolored(text)
        embeddings, scale = self._texts([text, *others, *NEUTRAL])
        query, variants, neutral = np.split(embeddings, [1, 1 + len(others)])
        kept = rivals(text, query[0], neutral)
        words = [*others, *(word for word, keep in zip(NEUTRAL, kept, strict=True) if keep)]
        ranked = rank(self.pictures.of_objects(), query[0], np.concatenate([variants, neutral[kept]]), words, scale)
        matches = []
        for each in ranked:
            facts = asdict(each)
            for key in ("index", "equal", "probability"):
                del facts[key]
            facts = {key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()}
            facts |= {"object": each.index, "kind": self.objects[each.index].report.get("kind", "object")}
            found = self.objects[each.index]
            picture = self.pictures.thumbnails[each.index]
            matches.append(Match(found, each.probability, each.found, each.equal, facts, picture))
        return Answer(text, self.model.name, _MEANING, matches)

    def name(self, names: Sequence[str]) -> list[Named]:
        """Gives each object that some view shows the likeliest of some names, or none.

        Raises:
            SagaError: there are no names, or as `rank`.
        """
        names = list(dict.fromkeys(checked(each) for each in names))
        if not names:
            raise SagaError("names: expected at least one name, found none; give some.")
        embeddings, scale = self._texts([*names, *NEUTRAL])
        own, neutral = embeddings[: len(names)], embeddings[len(names) :]
        kept = np.all([rivals(each, vector, neutral) for each, vector in zip(names, own, strict=True)], axis=0)
        words = [word for word, keep in zip(NEUTRAL, kept, strict=True) if keep]
        return name(self.pictures.of_objects(), names, own, neutral[kept], words, scale)

    def _texts(self, texts: Sequence[str]) -> tuple[np.ndarray, float]:  # [K, D]
        """Mean embeddings of texts over the templates, of unit length, and the model's scale."""
        filled = [template.format(text.lower()) for text in texts for template in TEMPLATES]
        embeddings, scale = self.store.texts(self.model, filled)
        means = embeddings.reshape(len(texts), len(TEMPLATES), -1).mean(1)
        return means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12), scale

    def _key(self) -> str:
        """Digest of all that decides what the model is shown, and of the model."""
        scene = self.scene.scene
        cameras = [[camera.name, camera.describe(), stamp(camera.image_path)] for camera in scene.cameras]
        members = hashlib.sha256()
        for each in self.objects:
            members.update(np.packbits(each.mask).tobytes())
        colors = hashlib.sha256(np.ascontiguousarray(scene.gaussians.base_colors()).tobytes()).hexdigest()
        facts = (crops.VERSION, scene.gaussians.digest(), colors, cameras, len(self.objects), members.hexdigest())
        return key_of(self.model.identity, *facts)

    def _embedded(self) -> Pictures:
        members: list[Tensor] = [each.tensor.mask.to(self.scene.device) for each in self.objects]
        sights = crops.find_sights(self.scene, members, self.progress)
        rows, owners = [], []
        thumbnails = np.full((len(members), THUMBNAIL, THUMBNAIL, 3), 255, np.uint8)
        both = list(zip(members, sights, strict=True))
        for index, (member, seen) in enumerate(tracked(both, self.progress, "looking at objects", "objects")):
            if not seen:
                continue
            shown = crops.crops_of(self.scene, member, seen, self.model.side)
            rows.append(self.model.embed_images(shown))
            owners += [index] * len(shown)
            small = Image.fromarray(shown[0]).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
            thumbnails[index] = np.asarray(small)
        embeddings = np.concatenate(rows) if rows else np.zeros((0, 1), np.float32)
        return Pictures(embeddings.astype(np.float32), np.array(owners, np.int32), thumbnails)


def checked(text: str) -> str:
    """Returns a text without spaces around it. Raises SagaError for one that is empty or too long for any model."""
    text = " ".join(text.split())
    if not any(letter.isalnum() for letter in text) or len(text) > _LONGEST:
        found = f"{len(text)} letters" if len(text) > _LONGEST else repr(text)
        raise SagaError(f"text: expected a name or a short description, found {found}; give e.g. red mug.")
    return text
