"""Scores of chosen pairs against the matcher's score of one image and one sentence."""

import numpy as np
import pytest
from support.pairs import image_inputs
from support.tiny_models import tiny, tiny_tokenizer

from keras_teran.data._memory_store import MemoryRegions
from keras_teran.evaluation import _pair_scores
from keras_teran.evaluation._pair_scores import score_pairs
from keras_teran.pipeline._matcher import Matcher

IDS = np.array([30, 10, 20, 50, 40, 60])
TEXTS = ["a red square", "two rings", "a ring", "a red ring and a red square", "a"]
PAIRS = [
    (10, "two rings"),
    (20, "a ring"),
    (10, "a red square"),
    (60, "a red ring and a red square"),
    (10, "two rings"),
    (30, "a"),
    (20, "two rings"),
]


@pytest.fixture(scope="module")
def store():
    inputs = image_inputs(dim=8)
    return MemoryRegions(IDS, *(inputs[n] for n in ("regions", "boxes", "region_mask")))


@pytest.fixture(scope="module")
def matcher():
    return Matcher(tiny(pooling="Symm"), tiny_tokenizer(TEXTS), {})


@pytest.mark.seconds
def test_a_pair_has_the_score_that_the_matcher_gives_it(matcher, store):
    found = score_pairs(matcher.model, matcher.tokenizer, store, PAIRS)
    for (image, text), score in [*zip(PAIRS, found, strict=True)][:3]:
        inputs = {name: array[0] for name, array in store.read([image]).items()}
        real = inputs.pop("region_mask")
        one = {name: array[real] for name, array in inputs.items()}
        assert score == pytest.approx(matcher.score(one, text), abs=1e-5)


@pytest.mark.seconds
def test_blocks_change_no_score_and_encode_each_image_once(store, monkeypatch):
    """Under "zero" the width of a block would be part of its scores."""
    matcher = Matcher(tiny(pooling="Symm", padding="zero"), tiny_tokenizer(TEXTS), {})
    whole = score_pairs(matcher.model, matcher.tokenizer, store, PAIRS)
    seen, read = [], store.read
    monkeypatch.setattr(
        store, "read", lambda ids: seen.extend(np.asarray(ids).tolist()) or read(ids)
    )
    monkeypatch.setattr(_pair_scores, "_CAPTIONS_PER_BLOCK", 3)
    found = score_pairs(matcher.model, matcher.tokenizer, store, PAIRS)
    np.testing.assert_allclose(found, whole, atol=1e-6)
    assert seen == [10, 20, 60, 30]


def test_captions_that_are_equal_to_the_tokenizer_have_one_score(matcher, store):
    pairs = [(10, "a RED square"), (10, "a red  square"), (10, "a red ring")]
    found = score_pairs(matcher.model, matcher.tokenizer, store, pairs)
    assert found[0] == found[1] != found[2]


def test_an_image_that_the_store_lacks_is_named(matcher, store):
    with pytest.raises(ValueError, match="99"):
        score_pairs(matcher.model, matcher.tokenizer, store, [(99, "a ring")])
