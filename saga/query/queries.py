"""Queries: feature vectors that stand for what a prompt points at (SAGA, section 3.4)."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from saga.errors import SagaError
from saga.query.matching import Matcher
from saga.query.prompts import CheckedPrompt
from saga.raster import BlendOperator, SparseRows
from saga.runtime.sets import rows_of
from saga.scene.box import Box

_MOST_PIXELS = 4096
"""Pixels of a region that k-means looks at."""
_ALIKE = 0.7
"""Cosine similarity above which a pixel or a Gaussian shows what a query stands for."""
_MOSTLY_INSIDE = 0.5
"""Share of a query's pixels that must lie inside for the query to stand for the enclosed object."""


_NEAR = 4
_AROUND = np.stack(np.meshgrid(np.arange(-_NEAR, _NEAR + 1), np.arange(-_NEAR, _NEAR + 1)), -1).reshape(-1, 2)
_AROUND = _AROUND[np.argsort((_AROUND**2).sum(1), kind="stable")]
"""Steps (x, y) to the pixels that a click may mean where it shows nothing, nearest first."""


def rendered_features(
    operator: BlendOperator,
    features: Tensor,  # [N, C]
    pixels: np.ndarray,  # [P, 2]
) -> Tensor:  # [P, C]
    """Returns rendered features at pixels (x, y), by single rows of A, float32; 0 where nothing is shown."""
    rows = operator.rows(torch.from_numpy(np.ascontiguousarray(pixels)))
    columns, places = torch.unique(rows.indices, return_inverse=True)  # few of a large scene
    few = SparseRows(rows.indptr, places.to(torch.int32), rows.weights, len(columns))
    return few.render(features[columns.long()].float())


def onto_the_scene(
    operator: BlendOperator,
    pixels: np.ndarray,  # [P, 2]
) -> np.ndarray:  # [P, 2]
    """Returns pixels (x, y), where each that shows nothing is the nearest within a few that does, if there is one.

    Between small Gaussians, and in trained scenes anywhere, single pixels show nothing: a click there means what is
    around it.
    """
    moved = pixels.copy()
    for index in np.flatnonzero(~_shows(operator, pixels)):
        around = pixels[index] + _AROUND
        limits = (operator.camera.width, operator.camera.height)
        around = around[((around >= 0) & (around < limits)).all(1)]
        near = around[_shows(operator, around)]
        if len(near) > 0:
            moved[index] = near[0]
    return moved


def require_shown(
    operator: BlendOperator,
    pixels: np.ndarray,  # [P, 2]
) -> None:
    """Raises SagaError when a point (x, y) shows no Gaussian."""
    for (x, y), shown in zip(pixels.tolist(), _shows(operator, pixels), strict=True):
        if not shown:
            raise SagaError(
                f"point {x},{y}: expected a pixel that shows the scene, but no Gaussian reaches it in "
                f"{operator.camera.name}; click on the object."
            )


def require_within(
    operator: BlendOperator,
    pixels: np.ndarray,  # [P, 2]
    inside: Tensor,  # [N] bool
    region: Box,
) -> None:
    """Raises SagaError when a point (x, y) shows less of a region, whose Gaussians are `inside`, than of the rest."""
    rows = operator.rows(torch.from_numpy(np.ascontiguousarray(pixels)))
    own = inside.index_select(0, rows.indices) * rows.weights
    number = torch.arange(len(rows), device=own.device).repeat_interleave(rows.indptr.diff())
    shown, total = (own.new_zeros(len(rows)).index_add_(0, number, each) for each in (own, rows.weights))
    for (x, y), few in zip(pixels.tolist(), (shown <= _MOSTLY_INSIDE * total).tolist(), strict=True):
        if few:
            raise SagaError(
                f"point {x},{y}: expected a pixel that shows the region {region}, which alone has features, found what "
                "lies outside of it; click inside, or train that part with saga-train --region."
            )


def _shows(
    operator: BlendOperator,
    pixels: np.ndarray,  # [P, 2]
) -> np.ndarray:  # [P]
    """Whether pixels (x, y) show any Gaussian, bool [P]."""
    rows = operator.rows(torch.from_numpy(np.ascontiguousarray(pixels)))
    shown: np.ndarray = (rows.indptr[1:] > rows.indptr[:-1]).cpu().numpy()
    return shown


def point_queries(
    operator: BlendOperator,
    features: Tensor,  # [N, C]
    pixels: np.ndarray,  # [K, 2]
) -> Tensor:  # [K, C]
    """Returns the rendered features at the points themselves.

    Raises:
        SagaError: a point shows no Gaussian.
    """
    require_shown(operator, pixels)
    return rendered_features(operator, features, pixels)


def region_queries(
    operator: BlendOperator,
    features: Tensor,  # [N, C]
    region: np.ndarray,  # [H, W] bool
    clusters: int,
    seed: int,
) -> Tensor:  # [<= clusters, C]
    """Returns k-means centers of the rendered features under a scribble or mask.

    Raises:
        SagaError: the region shows no Gaussian.
    """
    pixels = sample_pixels(region, seed)
    rendered = rendered_features(operator, features, pixels)
    rendered = rendered[rendered.norm(dim=1) > 0]
    if len(rendered) == 0:
        raise SagaError(
            f"prompt: expected a region that shows the scene, but no Gaussian reaches it in {operator.camera.name}."
        )
    return kmeans_centers(F.normalize(rendered, dim=1), clusters, seed)


def enclosed_queries(
    operator: BlendOperator,
    features: Tensor,  # [N, C]
    inside: np.ndarray,  # [H, W] bool
    clusters: int,
    seed: int,
    undecided: np.ndarray | None = None,  # [H, W] bool
) -> tuple[Tensor, Tensor]:
    """Returns queries for the object that fills a box or mask, and negative ones for what reaches out of it.

    The features inside are clustered; a cluster that is found mostly inside is the object's, the others are its
    surroundings, which show at the rim and in gaps. If none is, the one most inside is taken. Pixels that are undecided
    count for neither.
    """
    decided = np.ones_like(inside) if undecided is None else ~undecided
    inside = inside & decided
    centers = region_queries(operator, features, inside, 2 * clusters, seed)
    pixels = sample_pixels(decided, seed, 4 * _MOST_PIXELS)
    everywhere = F.normalize(rendered_features(operator, features, pixels), dim=1)
    alike = (everywhere @ F.normalize(centers, dim=1).T > _ALIKE).float()  # [P, Q]
    within = torch.from_numpy(inside[pixels[:, 1], pixels[:, 0]]).to(alike)
    share = (alike * within[:, None]).sum(0) / alike.sum(0).clamp(min=1)
    chosen = share >= min(_MOSTLY_INSIDE, float(share.max()))
    return centers[chosen], centers[~chosen]


def positive_and_negative(
    operator: BlendOperator,
    features: Tensor,  # [N, C]
    prompt: CheckedPrompt,
    clusters: int,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Returns the queries of any prompt that needs no SAM: positive [Q, C] and negative [R, C]."""
    negative = point_queries(operator, features, prompt.negative)
    enclosing = prompt.mask
    if prompt.box is not None:
        enclosing = np.zeros((operator.camera.height, operator.camera.width), bool)
        enclosing[prompt.box[1] : prompt.box[3], prompt.box[0] : prompt.box[2]] = True
    if enclosing is not None:
        positive, outside = enclosed_queries(operator, features, enclosing, clusters, seed, prompt.undecided)
        return positive, torch.cat([negative, outside])
    if prompt.scribble is not None:
        return region_queries(operator, features, prompt.scribble, clusters, seed), negative
    return point_queries(operator, features, prompt.points), negative


def centered(
    matcher: Matcher,
    features: Tensor,  # [N, C]
    queries: Tensor,  # [Q, C]
    steps: int,
) -> Tensor:  # [Q, C]
    """Returns the queries moved to the middle of the Gaussians that are alike to them (mean shift on directions).

    A pixel at an object's rim, or on a part with a feature of its own, shows a direction off the middle of the
    object's, which spreads the scores of the object over the threshold.
    """
    moved = []
    for query in queries:
        for _ in range(steps):
            alike = rows_of(matcher.cosine(query[None]) > _ALIKE)
            if len(alike) == 0:
                break
            query = F.normalize(features[alike].float(), dim=1).mean(0)
        moved.append(query)
    return torch.stack(moved) if moved else queries


def sample_pixels(
    region: np.ndarray,  # [H, W] bool
    seed: int,
    most: int = _MOST_PIXELS,
) -> np.ndarray:  # [P, 2]
    """Returns at most `most` pixels (x, y) of a region."""
    ys, xs = np.nonzero(region)
    pixels = np.stack([xs, ys], axis=1)
    if len(pixels) > most:
        pixels = pixels[np.random.default_rng(seed).choice(len(pixels), most, replace=False)]
    return pixels


def kmeans_centers(
    features: Tensor,  # [P, C]
    clusters: int,
    seed: int,
) -> Tensor:  # [<= clusters, C]
    """Returns centers of k-means; fewer when there are fewer distinct features."""
    # Loading scikit-learn takes longer than a click, which has no use for it.
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Fewer distinct features than clusters: the surplus centers are copies, which do no harm.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(min(clusters, len(features)), n_init=1, random_state=seed).fit(features.cpu().numpy())
    return torch.from_numpy(fitted.cluster_centers_).to(features)
