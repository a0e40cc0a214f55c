"""Words beside the one that is asked for: what a text-image model may find likelier, so that a score means something.

A cosine between a picture and a text says little alone: its size differs from model to model and from query to query.
So each query competes with words for everyday things, as in zero-shot classification (Radford et al. 2021, "Learning
Transferable Visual Models From Natural Language Supervision"), under the model's own temperature.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

TEMPLATES = ("{}", "a photo of {}")
"""A text is embedded in each of these, and the mean stands for it."""
COLORS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray", "silver", "golden",
)  # fmt: skip
"""A query with one of these competes with the same query in the others."""
_SPELLINGS = {"grey": "gray", "gold": "golden", "violet": "purple"}
NEUTRAL = tuple(
    """
    an object; a background; a surface; a texture; a shadow; a blurry picture; a fragment; a pattern; empty space; noise
    a wall; a floor; a ceiling; a table; a shelf; a cupboard; a door; a window; a carpet; a curtain; stairs; a fence
    a chair; a sofa; a bed; a pillow; a blanket; a mirror; a lamp; a candle; a clock; a picture frame; a vase; a basket
    a plate; a bowl; a mug; a glass; a bottle; a can; a jar; a teapot; a pan; a knife; a fork; a spoon; a tray; a box
    a carton; a bag; a bucket; a plant; a flower; a tree; a bush; grass; a leaf; a mushroom; a stone; sand; water; snow
    a cloud; a mountain; fire; an apple; a banana; a lemon; grapes; a carrot; a tomato; bread; cheese; an egg; a cake
    a donut; a sandwich; a pizza; meat; a fish; a bird; a duck; a cat; a dog; a horse; a cow; an elephant; a bear
    a rabbit; a snake; an insect; a person; a face; a hand; a statue; a doll; a teddy bear; a toy; a ball; dice; a card
    a book; a newspaper; a pen; scissors; a stapler; a screen; a keyboard; a computer mouse; a telephone; a camera
    headphones; a loudspeaker; a cable; a remote control; a guitar; a piano; a drum; a shoe; a hat; a shirt; trousers
    a backpack; glasses; an umbrella; a watch; a ring; a key; a coin; a hammer; a screwdriver; a screw; a ladder; a rope
    a bicycle; a motorcycle; a car; a truck; a bus; a train; a boat; an airplane; a wheel; an engine; a road; a sign
    a house; a tower; a bridge; a roof; a sink; a bathtub; a toilet; a towel; soap; a toothbrush; a stove; an oven
    a refrigerator; a washing machine; a fan; a radiator; a pipe; a brush; a broom; a trash can; a skateboard; a tent
    """.replace("\n", ";").split(";")
)
NEUTRAL = tuple(word.strip() for word in NEUTRAL if word.strip())
"""Everyday things, and names of what is no thing: mostly, one of them fits a crop better than a wrong word does."""
_NEAR_QUANTILE = 0.9
"""A word is another name of a query when it is nearer to it than this share of the words is to any other word."""


def recolored(query: str) -> list[str]:
    """Returns the query in the other colors, if it names one: "red mug" competes with "blue mug"."""
    words = query.lower().split()
    named = [(place, _SPELLINGS.get(word, word)) for place, word in enumerate(words)]
    found = next(((place, color) for place, color in named if color in COLORS and len(words) > 1), None)
    if found is None:
        return []
    place, own = found
    return [" ".join([*words[:place], color, *words[place + 1 :]]) for color in COLORS if color != own]


def rivals(
    query: str,
    embedding: np.ndarray,  # [D]
    embeddings: np.ndarray,  # [M, D]
    words: Sequence[str] = NEUTRAL,
) -> np.ndarray:  # [M] bool
    """Returns which words a query competes with: all but other names of the same thing, which no picture tells apart.

    Args:
        query: what is asked for.
        embedding: its embedding, of unit length.
        embeddings: those of the words.
        words: the words.
    """
    own = _stems(query)
    named = np.array([_stems(word) <= own for word in words], bool)
    among = embeddings @ embeddings.T
    np.fill_diagonal(among, -1.0)
    near = float(np.quantile(among.max(1), _NEAR_QUANTILE)) if len(words) > 1 else 2.0
    different: np.ndarray = ~named & (embeddings @ embedding <= near)
    return different


def _stems(text: str) -> set[str]:
    """The words of a text without articles and plural endings."""
    words = set(re.findall(r"\w+", text.lower())) - {"a", "an", "the"}
    return {word[:-1] if word.endswith("s") and len(word) > 3 else word for word in words}
