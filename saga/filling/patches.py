"""Filling a hole of a picture with patches of what is around it, coarse to fine.

Every patch that touches the hole is replaced by the most alike whole patch of the known part, and every pixel of the
hole becomes the weighted mean of what the patches over it say; both repeat until little changes (space-time
completion: Wexler, Shechtman and Irani, 2007). Holes of a rectified surface are small, so that the most alike patch is
looked for among all of a sample, not guessed.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from skimage.transform import resize

_RADIUS = 3
"""Patches have sides of 2 * 3 + 1 pixels."""
_SOURCES = 16_000
"""The most patches that are compared with."""
_ROUNDS, _CRISP = 4, 1
"""Rounds at each scale, and how many of them, at the end, take votes of the middles of patches only."""
_COARSEST = 6.0
"""Depth of the hole in pixels from which the search begins."""
_FADE = 0.1
"""Distance from the rim, in depths of the hole, over which a difference of colors fades."""
_ALONG = 2.0
"""Standard deviation of the smoothing of such a difference along the rim, in pixels."""
_BLOCK = 1024


def diffused(
    image: np.ndarray,  # [h, w, 3]
    hole: np.ndarray,  # [h, w] bool
) -> np.ndarray:  # [h, w, 3]
    """Continues a picture into its hole by repeated means, from coarse to fine: never beyond its own values."""
    if not hole.any() or hole.all():
        return image
    if min(hole.shape) > 4:
        known = (~hole).astype(float)[..., None]
        shape = [-(-n // 2) for n in hole.shape]
        pad = [*((0, 2 * s - n) for s, n in zip(shape, hole.shape, strict=True)), (0, 0)]
        both = np.pad(np.concatenate([image * known, known], axis=-1), pad, mode="edge")
        sums = both.reshape(shape[0], 2, shape[1], 2, -1).sum((1, 3))
        weight = sums[..., -1:]
        half = sums[..., :-1] / np.maximum(weight, 1e-9)
        half = diffused(half, weight[..., 0] == 0)
        fine = np.repeat(np.repeat(half, 2, 0), 2, 1)[: hole.shape[0], : hole.shape[1]]
    else:
        fine = np.broadcast_to(image[~hole].mean(0), image.shape)
    filled = np.where(hole[..., None], fine, image)
    for _ in range(20):
        mean = ndimage.uniform_filter(filled, (3, 3, 1), mode="nearest")
        filled = np.where(hole[..., None], mean, filled)
    return filled


def synthesized(
    image: np.ndarray,  # [h, w, 3]
    known: np.ndarray,  # [h, w] bool
    hole: np.ndarray,  # [h, w] bool
    seed: int = 0,
) -> np.ndarray:  # [h, w, 3]
    """Fills the hole of a picture with patches of what is known of it.

    Args:
        image: any values, continued smoothly where they are not known.
        known: where patches are taken from.
        hole: what is filled.
        seed: decides which patches are compared with where there are very many.
    """
    depth = ndimage.distance_transform_edt(hole).max()
    levels = max(0, int(np.ceil(np.log2(max(1.0, depth / _COARSEST)))))
    rng = np.random.default_rng(seed)
    filled, origins = image, None
    for level in range(levels, -1, -1):
        shape = [max(2 * _RADIUS + 2, round(n / 2**level)) for n in known.shape]
        small = resize(image, shape, order=1, anti_aliasing=level > 0)
        whole = resize(known.astype(float), shape, order=1, anti_aliasing=level > 0) > 0.999
        inside = resize(hole.astype(float), shape, order=1, anti_aliasing=level > 0) > 0.001
        start = small if origins is None else _copied(small, whole, inside, origins)
        filled, origins = _iterated(start, whole, inside, rng)
    return np.where(hole[..., None], filled, image)


def _copied(
    image: np.ndarray,  # [h, w, 3]
    whole: np.ndarray,  # [h, w] bool
    hole: np.ndarray,  # [h, w] bool
    origins: np.ndarray,  # [h', w', 2]
) -> np.ndarray:  # [h, w, 3]
    """Fills a hole from where the same places were taken from at a coarser scale: enlarging them would blur."""
    ratio = np.array(hole.shape) / origins.shape[:2]
    pixels = np.argwhere(hole)
    coarse = np.minimum((pixels + 0.5) // ratio, np.array(origins.shape[:2]) - 1).astype(int)
    offset = pixels + 0.5 - (coarse + 0.5) * ratio
    source = np.floor((origins[tuple(coarse.T)] + 0.5) * ratio + offset).astype(int)
    source = np.clip(source, 0, np.array(hole.shape) - 1)
    usable = whole[tuple(source.T)]
    copied = image.copy()
    copied[tuple(pixels[usable].T)] = image[tuple(source[usable].T)]
    return copied


def _sources(whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # [S, 2]
    """Returns the middles of patches that are known, a sample of them."""
    inside = ndimage.binary_erosion(whole, np.ones((2 * _RADIUS + 1,) * 2))
    rows = np.argwhere(inside)
    return rows if len(rows) <= _SOURCES else rows[np.sort(rng.choice(len(rows), _SOURCES, replace=False))]


def _iterated(
    image: np.ndarray,  # [h, w, 3]
    whole: np.ndarray,  # [h, w] bool
    hole: np.ndarray,  # [h, w] bool
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray | None]:  # [h, w, 3], [h, w, 2]
    """Repeats matching and voting at one scale; also returns the middle of the patch that is most alike at each pixel.

    Without a whole patch the picture stays as it is.
    """
    r = _RADIUS
    sources = _sources(whole, rng)
    if len(sources) == 0 or not hole.any():
        return image, None
    offsets = np.stack(np.meshgrid(*[np.arange(-r, r + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
    touched = ndimage.binary_dilation(hole, np.ones((2 * r + 1,) * 2))
    targets = np.argwhere(touched)
    depth = ndimage.distance_transform_edt(hole)
    trust = np.pad(1.3**-depth, r, mode="edge")  # pixels near what is known lead
    pixel_at = targets[:, None] + offsets + r  # [T, P, 2] in the padded picture
    votes = trust[pixel_at[..., 0], pixel_at[..., 1]]
    source_at = sources[:, None] + offsets
    source = image[source_at[..., 0], source_at[..., 1]]  # [S, P, 3]
    flat = torch.from_numpy(source.reshape(len(source), -1)).float()
    length = flat.square().sum(1)
    near = np.abs(offsets).max(1) <= 1
    for turn in range(_ROUNDS):
        padded = np.pad(image, ((r, r), (r, r), (0, 0)), mode="reflect")
        patches = torch.from_numpy(padded[pixel_at[..., 0], pixel_at[..., 1]].reshape(len(targets), -1)).float()
        index, distance = [], []
        for block in patches.split(_BLOCK):
            found = (length - 2 * block @ flat.T).min(1)
            index.append(found.indices)
            distance.append(found.values + block.square().sum(1))
        nearest = torch.cat(index).numpy()
        error = torch.cat(distance).clamp_min(0).numpy() / source[0].size
        sigma = max(np.quantile(error, 0.75), 1e-6)
        weight = votes * np.exp(-np.minimum(error / (2 * sigma), 30))[:, None]
        if turn >= _ROUNDS - _CRISP:  # what is far from the middle of its patch blurs
            weight = weight * near
        total = np.zeros((*trust.shape, 4))
        values = np.concatenate([source[nearest] * weight[..., None], weight[..., None]], -1)
        np.add.at(total, (pixel_at[..., 0], pixel_at[..., 1]), values)
        total = total[r:-r, r:-r]
        mean = total[..., :3] / np.maximum(total[..., 3:], 1e-12)
        image = np.where(hole[..., None], mean, image)
    origins = np.zeros((*hole.shape, 2), int)
    origins[tuple(targets.T)] = sources[nearest]
    return image, origins


def seamless(
    filled: np.ndarray,  # [h, w, 3]
    image: np.ndarray,  # [h, w, 3]
    known: np.ndarray,  # [h, w] bool
    hole: np.ndarray,  # [h, w] bool
) -> np.ndarray:  # [h, w, 3]
    """Returns what was filled, drawn to the colors of the rim; the difference fades towards the middle.

    It is the solution of the screened membrane, lap m = m / r^2, that has the difference between what is known at the
    rim and what was filled next to it as its border, r a part of the hole's depth.
    """
    depth = ndimage.distance_transform_edt(hole)
    fade = max(1.5, _FADE * depth.max())
    rim = ndimage.binary_dilation(hole, np.ones((3, 3)), iterations=2) & known
    edge = hole & (depth <= 2)
    if not rim.any() or not edge.any():
        return filled
    step, weights = np.zeros_like(filled), []
    for mask, sign, values in ((rim, 1, image), (edge, -1, filled)):  # each smooth along the rim
        weight = ndimage.gaussian_filter(mask.astype(float), _ALONG)
        blurred = ndimage.gaussian_filter(mask[..., None] * values, (_ALONG, _ALONG, 0))
        step += sign * blurred / np.maximum(weight, 1e-6)[..., None]
        weights.append(weight)
    known_step = np.minimum(*weights) > 0.02
    if not known_step.any():
        return filled
    step = diffused(step, ~known_step)
    return np.where(hole[..., None], filled + step * np.exp(-np.maximum(depth - 1, 0) / fade)[..., None], filled)
