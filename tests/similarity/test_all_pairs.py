"""Scores of whole sets against loops, and against the same scores in one piece."""

import numpy as np
import pytest
from keras import ops
from support import oracle_scores as oracle

from keras_teran.similarity import _all_pairs as scoring
from keras_teran.similarity._all_pairs import all_pairs
from keras_teran.similarity._pooling import POOLINGS, similarity

pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")

DIM = 16


def unit_sets(width, seed, real):
    """float32 (sets, width, DIM), unit rows, zero from each set's real count on."""
    rows = np.random.default_rng(seed).normal(size=(len(real), width, DIM))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    for row, count in enumerate(real):
        rows[row, count:] = 0
    return rows.astype("float32")


REGIONS = unit_sets(5, 0, [5, 3, 1, 4, 0, 2, 5, 5, 3])
WORDS = unit_sets(6, 1, [6, 1, 4, 0, 2, 5, 3, 4, 4, 4, 1])


def as_encoded(words, last=2):
    """Words as the caption encoder gives them: after [CLS], before [SEP]."""
    return np.pad(words, ((0, 0), (1, last), (0, 0)))


@pytest.fixture(params=["host", "device"])
def place(request, monkeypatch):
    """Both ways of pooling a block; an accelerator's runs on a processor as well."""
    if request.param == "device":
        monkeypatch.setattr(scoring, "_computes_on_host", lambda: False)


@pytest.fixture(params=["small blocks", "one block"])
def blocks(request, monkeypatch):
    """Blocks of a set or two, chunks of three blocks; or all in one."""
    if request.param == "small blocks":
        monkeypatch.setattr(scoring, "_ROWS", 6)
        monkeypatch.setattr(scoring, "_FEWEST_COLUMNS", 6)
        monkeypatch.setattr(scoring, "_BLOCKS_PER_CHUNK", 3)
        return 1
    return scoring.BLOCK_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_equal_the_loops(pooling, blocks, place):
    words = as_encoded(WORDS)
    scores = all_pairs(REGIONS, words, pooling, block_bytes=blocks)
    assert scores.dtype == np.float32 and isinstance(scores, np.ndarray)
    np.testing.assert_allclose(
        scores, oracle.scores(REGIONS, words, pooling), atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_original_rule_equals_the_loops_over_padded_cells(pooling, blocks, place):
    words = as_encoded(WORDS, last=3)
    np.testing.assert_allclose(
        all_pairs(REGIONS, words, pooling, "zero", block_bytes=blocks),
        oracle.scores(REGIONS, words, pooling, oracle.zero),
        atol=1e-5,
    )


@pytest.mark.seconds
@pytest.mark.parametrize("pooling", ["MrSw", "MwSr", "Symm"])
def test_padding_counts_under_the_original_rule_where_all_cosines_are_negative(
    pooling, place
):
    regions, words = np.abs(REGIONS), as_encoded(-np.abs(WORDS))
    np.testing.assert_allclose(
        all_pairs(regions, words, pooling, "zero"),
        oracle.scores(regions, words, pooling, oracle.zero),
        atol=1e-5,
    )


@pytest.mark.parametrize("pooling", ["MrSw", "MwSr", "Symm", "MrAVGw"])
@pytest.mark.parametrize("sign", [1, -1])
def test_in_bfloat16_each_score_is_that_of_rounded_cosines(pooling, sign):
    """All-negative cosines included, whose bits are ordered the other way round."""

    def rounded(array):
        return ops.convert_to_numpy(ops.cast(ops.cast(array, "bfloat16"), "float32"))

    regions, words = np.abs(REGIONS), sign * np.abs(WORDS)
    expected = oracle.scores(rounded(regions), rounded(words), pooling)
    # A cosine below 1 is off by 2^-9 when it is rounded, and by 2^-8 when it is cut, as
    # processors without bfloat16 do; at most 5 + 6 are summed.
    np.testing.assert_allclose(
        all_pairs(regions, words, pooling, dtype="bfloat16"),
        expected,
        atol=11 * 2**-8,
    )


def test_maxima_of_bfloat16_bits_equal_those_of_the_numbers():
    values = np.array([0.5, -0.0, 0.0, -1.0, 1.0, -0.25], "float32")
    cells = np.array(np.meshgrid(values, values, values)).reshape(3, -1)
    bits = (cells.view(np.uint32) >> 16).astype(np.uint16).view(np.int16)
    np.testing.assert_array_equal(scoring._largest(bits, 0), cells.max(axis=0))


@pytest.mark.parametrize("pooling", ["MrSw", "MwSr", "Symm", "sum"])
@pytest.mark.parametrize("images, captions", [(9, 11), (45, 1), (1, 700)])
def test_equal_sets_score_equal_in_every_block(images, captions, pooling):
    """Alone in a segment, in a whole tile or in what is left over at its edge."""
    many = all_pairs(
        np.repeat(REGIONS[:1], images, axis=0),
        np.repeat(WORDS[:1], captions, axis=0),
        pooling,
    )
    alone = all_pairs(REGIONS[:1], WORDS[:1], pooling)
    assert (many == alone[0, 0]).all()


def test_the_blocks_hold_every_pair_once():
    pairs = np.zeros((9, 11), int)
    for rows, columns, _ in scoring.score_blocks(REGIONS, WORDS):
        pairs[np.ix_(rows, columns)] += 1
    assert (pairs == 1).all()


def test_blocks_equal_the_whole_to_the_bit():
    """On 64 images of 36 regions and 200 captions: several blocks against one."""
    generator = np.random.default_rng(2)
    regions = generator.normal(size=(64, 36, 32)).astype("float32")
    words = generator.normal(size=(200, 8, 32)).astype("float32")
    whole = all_pairs(regions, words)
    in_blocks = all_pairs(regions, words, block_bytes=1_000_000)
    np.testing.assert_array_equal(in_blocks, whole)
    halves = [all_pairs(regions, words[:100]), all_pairs(regions, words[100:])]
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), whole)


@pytest.mark.seconds
def test_real_rows_that_stand_between_padding_are_found(place, blocks):
    words, regions = np.pad(WORDS, ((0, 0), (1, 2), (0, 0))), REGIONS[:, ::-1]
    np.testing.assert_allclose(
        all_pairs(regions, words, "Symm", block_bytes=blocks),
        oracle.scores(regions, words, "Symm"),
        atol=1e-5,
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_nothing_scores_nothing(pooling):
    nothing = np.zeros((2, 3, DIM), "float32")
    assert not all_pairs(nothing, WORDS, pooling).any()
    assert not all_pairs(REGIONS, nothing, pooling, "zero").any()
    assert all_pairs(REGIONS[:0], WORDS, pooling).shape == (0, 11)
    assert all_pairs(REGIONS, WORDS[:0], pooling).shape == (9, 0)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_region_and_one_word_score_their_cosine(pooling):
    regions, words = REGIONS[2:3, :1], WORDS[1:2, :1]
    cosine = float(regions[0, 0] @ words[0, 0])
    # Both directions of Symm; scan compares the region with the word it attends to.
    expected = 2 * cosine if pooling == "Symm" else cosine
    assert float(all_pairs(regions, words, pooling)[0, 0]) == pytest.approx(
        expected, abs=1e-6
    )


def test_scores_go_to_the_array_that_is_given(tmp_path):
    file = tmp_path / "scores"
    out = np.memmap(file, "float32", "w+", shape=(9, 11))
    out[:] = 7  # what was there before is gone, for empty sets too
    assert all_pairs(REGIONS, WORDS, out=out) is out
    expected = ops.convert_to_numpy(similarity(REGIONS, WORDS))
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_an_array_that_does_not_fit_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"float32 of shape \(9, 11\).*float64 \(2,\)"):
        all_pairs(REGIONS, WORDS, out=np.zeros(2))


def test_an_unknown_dtype_is_refused_by_name():
    with pytest.raises(ValueError, match="dtype='float16'.*float32, bfloat16"):
        all_pairs(REGIONS, WORDS, dtype="float16")
