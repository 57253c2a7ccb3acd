"""Ranks counted block by block against those of the whole matrix."""

import numpy as np
import pytest

from keras_teran.evaluation import _recall as recall
from keras_teran.evaluation import _streaming_ranks as set_ranks
from keras_teran.similarity import _all_pairs as scoring
from keras_teran.similarity._all_pairs import all_pairs
from keras_teran.similarity._pooling import POOLINGS

pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")


def sets(real, width, seed):
    """float32 (sets, width, 12), unit rows, zero from each set's real count on."""
    rows = np.random.default_rng(seed).normal(size=(len(real), width, 12))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    for row, count in enumerate(real):
        rows[row, count:] = 0
    return rows.astype("float32")


REGIONS = sets([5, 3, 0, 4, 5, 2, 1], 5, 0)
OWNERS = np.array([3, 0, 1, 2, 2, 6, 4, 5, 0, 1, 3, 5, 5, 0])
WORDS = np.pad(
    sets([6, 1, 4, 0, 2, 5, 3, 4, 4, 0, 4, 1, 6, 6], 6, 1), ((0, 0), (1, 2), (0, 0))
)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", ["small", "whole"])
@pytest.mark.parametrize("padding", ["exclude", "zero"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_ranks_equal_those_of_the_matrix(pooling, padding, blocks, monkeypatch):
    if blocks == "small":
        monkeypatch.setattr(scoring, "_ROWS", 6)
        monkeypatch.setattr(scoring, "_FEWEST_COLUMNS", 6)
        monkeypatch.setattr(set_ranks, "_OWN", 3)
    size = 1 if blocks == "small" else scoring.BLOCK_BYTES
    scores = all_pairs(REGIONS, WORDS, pooling, padding)
    expected = recall.ranks(scores, OWNERS)
    found = set_ranks.set_ranks(
        REGIONS, WORDS, OWNERS, pooling, padding, block_bytes=size
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert expected[0].max() > 2 and expected[1].max() > 2


def test_equal_images_and_captions_tie_and_rank_last():
    """Three pairs of the same vectors: the two others tie with every right answer."""
    regions, words = np.repeat(REGIONS[:1], 3, axis=0), np.repeat(WORDS[:1], 3, axis=0)
    found = set_ranks.set_ranks(regions, words, [0, 1, 2], "Symm")
    assert [side.tolist() for side in found] == [[2, 2, 2], [2, 2, 2]]


def test_a_score_that_is_not_a_number_is_named():
    regions = REGIONS.copy()
    regions[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"image 3 and caption \d+ is nan.*weights"):
        set_ranks.set_ranks(regions, WORDS, OWNERS)


def test_a_correspondence_of_another_length_is_refused():
    with pytest.raises(ValueError, match="has 13 entries, but there are 14 captions"):
        set_ranks.set_ranks(REGIONS, WORDS, OWNERS[:13])
