"""From embeddings of crops and words to a ranking that knows when nothing fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST = 0.5
"""Probability from which an object is what was asked for: likelier that than all that it competes with together."""
_ERRORS = 2.0
"""Standard errors within which two objects are equally good: of two that are, one in twenty is told apart."""


@dataclass(frozen=True)
class Ranked:
    """How well one object fits a query."""

    index: int
    """Which object, in the order they were given."""
    probability: float
    """That it shows the query rather than any of the words the query competes with, 0 to 1."""
    log_odds: float
    """The same as natural logarithm of the odds: 0 is one half."""
    error: float
    """Standard error of `log_odds` over the crops."""
    likest: str
    """The word the query competes with that describes it best."""
    likest_probability: float
    """The probability of that word."""
    equal: bool = False
    """Whether it is found and no worse than the best: the difference is within what their crops vary."""

    @property
    def found(self) -> bool:
        """Whether it is what was asked for."""
        return self.probability >= LEAST


@dataclass(frozen=True)
class Named:
    """The name of one object, of a list of names."""

    index: int
    """Which object, in the order they were given."""
    name: str | None
    """The name that fits best; None where the names together are less likely than words that are not among them."""
    probability: float
    """That of the best name, 0 to 1."""
    total: float
    """Of all names together."""
    runner_up: str | None
    """The second best name, if there is one."""
    runner_up_probability: float
    """Its probability."""
    likest: str
    """The word beside the names that describes it best."""


def rank(
    crops: Sequence[np.ndarray],  # each [K, D]
    query: np.ndarray,  # [D]
    others: np.ndarray,  # [M, D]
    words: Sequence[str],
    scale: float,
) -> list[Ranked]:
    """Ranks objects by how well a text describes them; best first.

    Each crop is classified among the query and the words it competes with: the softmax of the model's scaled cosines.
    The log odds of the query, averaged over the crops of an object, are its score: a crop from behind or half hidden
    costs little, and one lucky crop decides nothing.

    Args:
        crops: embeddings of the crops of each object, of unit length; objects without any are left out.
        query: embedding of the text.
        others: embeddings of the words it competes with.
        words: those words.
        scale: what cosines are multiplied with, which the model has learned.
    """
    ranked = []
    for index, shown in enumerate(crops):
        if len(shown) == 0:
            continue
        wanted, rest = scale * shown @ query, scale * shown @ others.T
        odds = wanted - _log_sum(rest)
        error = float(odds.std(ddof=1) / np.sqrt(len(odds))) if len(odds) > 1 else 0.0
        value = float(odds.mean())
        shares = _softmax(np.append(rest.mean(0), wanted.mean()))[:-1]
        likest = int(shares.argmax())
        ranked.append(Ranked(index, _sigmoid(value), value, error, words[likest], float(shares[likest])))
    ranked.sort(key=lambda each: -each.log_odds)
    return [_compared(each, ranked[0]) for each in ranked]


def name(
    crops: Sequence[np.ndarray],  # each [K, D]
    names: Sequence[str],
    embeddings: np.ndarray,  # [L, D]
    others: np.ndarray,  # [M, D]
    words: Sequence[str],
    scale: float,
) -> list[Named]:
    """Gives each object the likeliest of some names, or none where other words are likelier than all names together.

    Args:
        crops: as for `rank`.
        names: the names, at least one.
        embeddings: their embeddings.
        others: embeddings of words that are other things.
        words: those words.
        scale: as for `rank`.
    """
    found = []
    for index, shown in enumerate(crops):
        if len(shown) == 0:
            continue
        shares = _softmax(scale * (shown @ np.concatenate([embeddings, others]).T).mean(0))
        own, rest = shares[: len(names)], shares[len(names) :]
        order = np.argsort(-own, kind="stable")
        best, total = int(order[0]), float(own.sum())
        second = int(order[1]) if len(names) > 1 else None
        found.append(
            Named(
                index,
                names[best] if total >= LEAST else None,
                float(own[best]),
                total,
                None if second is None else names[second],
                0.0 if second is None else float(own[second]),
                words[int(rest.argmax())] if len(rest) else "",
            )
        )
    return found


def _compared(each: Ranked, best: Ranked) -> Ranked:
    """Marks an object that is as good as the best; of less than the crops vary nothing can be said."""
    within = best.log_odds - each.log_odds <= _ERRORS * np.hypot(best.error, each.error) + 1e-6
    return Ranked(**{**each.__dict__, "equal": bool(each.found and within)})


def _log_sum(
    logits: np.ndarray,  # [K, M]
) -> np.ndarray:  # [K]
    """The logarithm of the sum of exponentials; minus infinity never happens, for want of rivals it is -100."""
    if logits.shape[1] == 0:
        return np.full(len(logits), -100.0)
    top = logits.max(1)
    return np.asarray(top + np.log(np.exp(logits - top[:, None]).sum(1)))


def _softmax(
    logits: np.ndarray,  # [M]
) -> np.ndarray:  # [M]
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum())


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -500, 500))))
