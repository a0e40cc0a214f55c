"""The decoder that shares work between the prompts of an image, against the libraries' own."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("segment_anything")
pytest.importorskip("transformers")
sys.path.insert(0, str(Path(__file__).parents[1]))
from sam_models import small_sam  # noqa: E402

from saga.masks.models.file_decoder import FileDecoder  # noqa: E402
from saga.masks.models.hub_decoder import share_image  # noqa: E402
from saga.masks.models.two_way import TwoWay  # noqa: E402

SIDE, CHANNELS = 6, 32


def spread(module: Any) -> Any:
    """Gives every weight something to say: biases and norms often begin at 0 and 1."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return module.eval().requires_grad_(False)


def alike(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether tensors differ by rounding alone, of which processors do more or less."""
    return found.shape == expected.shape and bool((found - expected).abs().max() < 2e-4 * expected.abs().max())


def prompts(count: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    image, positions = torch.randn(2, 1, CHANNELS, SIDE, SIDE, generator=generator)
    return image, positions, torch.randn(count, tokens, CHANNELS, generator=generator)


def transformer_of_segment_anything() -> Any:
    from segment_anything.modeling import TwoWayTransformer

    return spread(TwoWayTransformer(depth=2, embedding_dim=CHANNELS, num_heads=4, mlp_dim=16))


def transformer_of(kind: str) -> Any:
    import transformers
    from transformers.models.sam.modeling_sam import SamTwoWayTransformer
    from transformers.models.sam2.modeling_sam2 import Sam2TwoWayTransformer

    more = {"hidden_size": CHANNELS, "num_attention_heads": 4, "mlp_dim": 16, "attn_implementation": "eager"}
    if kind == "sam":
        return spread(SamTwoWayTransformer(transformers.SamMaskDecoderConfig(**more)))
    return spread(Sam2TwoWayTransformer(transformers.Sam2MaskDecoderConfig(**more)))


@pytest.mark.parametrize(("count", "tokens"), [(1, 7), (3, 9)])
def test_the_transformer_is_segment_anythings(count: int, tokens: int) -> None:
    image, positions, given = prompts(count, tokens)
    library = transformer_of_segment_anything()
    expected = library(image.expand(count, -1, -1, -1), positions.expand(count, -1, -1, -1), given)
    ours = TwoWay(library)
    found = ours(ours.image(image, ours.positions(positions)), given)
    for one, other in zip(found, expected, strict=True):
        assert alike(one, other)


@pytest.mark.parametrize("kind", ["sam", "sam2"])
def test_the_transformer_is_that_of_transformers_for_one_image_after_another(kind: str) -> None:
    library = transformer_of(kind)

    class Model:
        mask_decoder = torch.nn.Module()

    Model.mask_decoder.transformer = library
    share_image(Model, kind)
    for count, changed in ((3, 0.0), (2, 0.0), (2, 1.0)):
        image, positions, given = prompts(count, 7)
        image, positions = image + changed, positions * (1 + changed)
        arguments = (given[None], image.repeat(count, 1, 1, 1), positions.repeat(count, 1, 1, 1))
        expected = library(*arguments, attention_similarity=None)
        found = Model.mask_decoder.transformer(*arguments)
        for one, other in zip(found, expected, strict=True):
            assert alike(one, other)


def test_masks_are_segment_anythings_and_prompts_without_a_good_answer_have_none() -> None:
    model = spread(small_sam())
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(1, 256, 8, 8, generator=generator)
    points = torch.rand(5, 2, 2, generator=generator) * 64
    sparse, dense = model.prompt_encoder((points, torch.tensor([[1, 0]]).expand(5, -1)), None, None)
    masks, ratings = model.mask_decoder(embedding, model.prompt_encoder.get_dense_pe(), sparse, dense, True)
    decode = FileDecoder(model)
    found = decode(embedding, sparse, -math.inf)
    assert alike(found[0], masks)
    assert alike(found[1], ratings)
    above = float(ratings.max(1).values.sort().values[1:3].mean())
    good = ratings.max(1).values > above
    some, their_ratings = decode(embedding, sparse, above)
    assert len(some) == 3
    assert alike(some, masks[good])
    assert alike(their_ratings, ratings[good])
    assert decode(embedding, sparse, math.inf)[0].shape == (0, 3, 32, 32)
