"""The alignment against loops over images, captions, regions and words."""

import keras
import numpy as np
import pytest
from keras import ops
from support import oracle_scores as oracle
from support.original import MODE_NAMES, original_numbers

from keras_teran.similarity._all_pairs import all_pairs
from keras_teran.similarity._pooling import POOLINGS, cosines, similarity

# Keras wonders at a softmax over the words of captions that have one word.
pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")

DIM = 5


def unit_sets(sets, width, seed, real=None):
    """float32 (sets, width, DIM), unit rows, zero from each set's real count on."""
    rows = np.random.default_rng(seed).normal(size=(sets, width, DIM))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    real = [width] * sets if real is None else real
    for row, count in enumerate(real):
        rows[row, count:] = 0
    return rows.astype("float32")


def score(regions, words, pooling, padding="exclude"):
    return ops.convert_to_numpy(similarity(regions, words, pooling, padding))


MIXED_REGIONS = unit_sets(6, 5, seed=0, real=[5, 3, 1, 4, 0, 2])
MIXED_WORDS = unit_sets(7, 6, seed=1, real=[6, 1, 4, 0, 2, 5, 3])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_of_sets_of_mixed_size_equal_the_loops(pooling):
    np.testing.assert_allclose(
        score(MIXED_REGIONS, MIXED_WORDS, pooling),
        oracle.scores(MIXED_REGIONS, MIXED_WORDS, pooling),
        atol=1e-5,
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_original_rule_equals_the_loops_over_padded_cells(pooling):
    words = unit_sets(5, 8, seed=3)
    words[:, 0] = 0
    for row, end in enumerate([6, 4, 5, 2, 1]):  # nothing real in the last
        words[row, end:] = 0
    np.testing.assert_allclose(
        score(MIXED_REGIONS, words, pooling, "zero"),
        oracle.scores(MIXED_REGIONS, words, pooling, oracle.zero),
        atol=1e-5,
    )


@pytest.mark.parametrize("pooling", ["MwSr", "Symm", "mean"])
def test_under_the_original_rule_the_padded_width_changes_scores(pooling):
    words = unit_sets(2, 6, seed=4)
    words[:, [0, 4, 5]] = 0
    wider = np.pad(words, ((0, 0), (0, 3), (0, 0)))
    opposite = -words[:, 1:4]  # all best cosines below zero for some region
    before, after = (score(opposite, w, pooling, "zero") for w in (words, wider))
    assert np.abs(before - after).max() > 0.01


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_on_either_side_never_changes_a_score(pooling):
    more_regions = np.pad(MIXED_REGIONS, ((0, 0), (0, 4), (0, 0)))
    more_words = np.pad(MIXED_WORDS, ((0, 0), (3, 2), (0, 0)))
    np.testing.assert_allclose(
        score(more_regions, more_words, pooling),
        score(MIXED_REGIONS, MIXED_WORDS, pooling),
        atol=1e-6,
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_an_image_or_a_caption_with_nothing_real_scores_zero(pooling):
    scores = score(MIXED_REGIONS, MIXED_WORDS, pooling)
    assert not scores[4].any()
    assert not scores[:, 3].any()
    assert np.abs(np.delete(np.delete(scores, 4, 0), 3, 1)).min() > 0


@pytest.mark.parametrize("pooling", POOLINGS)
def test_negative_cosines_are_not_beaten_by_padding(pooling):
    """Regions opposite to all words, and padding on both sides."""
    words = np.abs(unit_sets(3, 4, seed=5, real=[4, 2, 1]))
    regions = -np.abs(unit_sets(3, 3, seed=6, real=[3, 1, 2]))
    expected = oracle.scores(regions, words, pooling)
    assert expected.max() < 0
    np.testing.assert_allclose(score(regions, words, pooling), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_region_and_one_word_score_their_cosine(pooling):
    region = np.array([[[0.6, 0.8, 0, 0, 0]]], "float32")
    word = np.array([[[0, 1, 0, 0, 0]]], "float32")
    expected = 2 * 0.8 if pooling == "Symm" else 0.8
    np.testing.assert_allclose(score(region, word, pooling), [[expected]], atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_equal_regions_and_words_score_as_the_loops_do(pooling):
    """Every maximum is tied."""
    regions = np.repeat(unit_sets(2, 1, seed=7), 3, axis=1)
    words = np.repeat(unit_sets(3, 1, seed=8), 4, axis=1)
    np.testing.assert_allclose(
        score(regions, words, pooling),
        oracle.scores(regions, words, pooling),
        atol=1e-5,
    )


def test_scores_by_hand():
    regions = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 0]]], "float32")
    words = np.array([[[0.6, 0.8, 0], [0.8, 0, 0.6], [0, 0, 0]]], "float32")
    # cells: region 0: 0.6 0.8; region 1: 0.8 0.0
    expected = {
        "MrSw": 0.8 + 0.8,
        "MwSr": 0.8 + 0.8,
        "Symm": 1.6 + 1.6,
        "MrAVGw": 1.6 / 2,
        "sum": 0.6 + 0.8 + 0.8 + 0.0,
        "mean": 2.2 / 4,
    }
    for pooling, value in expected.items():
        np.testing.assert_allclose(score(regions, words, pooling), [[value]], atol=1e-6)


def test_rows_are_images_and_columns_captions():
    regions, words = unit_sets(2, 3, seed=9), unit_sets(4, 3, seed=10)
    for pooling in POOLINGS:
        assert score(regions, words, pooling).shape == (2, 4)
    # MrSw and MwSr differ where the two sides are exchanged.
    np.testing.assert_allclose(
        score(regions, words, "MrSw"), score(words, regions, "MwSr").T, atol=1e-6
    )


def test_cosines_are_images_captions_regions_words_and_zero_where_masked():
    cells = ops.convert_to_numpy(cosines(MIXED_REGIONS, MIXED_WORDS))
    expected = np.einsum("ird,cwd->icrw", MIXED_REGIONS, MIXED_WORDS)
    assert cells.shape == (6, 7, 5, 6)
    np.testing.assert_allclose(cells, expected, atol=1e-6)
    assert not cells[1, :, 3:].any() and not cells[:, 2, :, 4:].any()


def test_scores_are_float32_whatever_the_embeddings_are():
    regions = ops.cast(MIXED_REGIONS, "bfloat16")
    words = ops.cast(MIXED_WORDS, "bfloat16")
    for pooling in POOLINGS:
        scores = similarity(regions, words, pooling)
        assert keras.backend.standardize_dtype(scores.dtype) == "float32"


@pytest.mark.seconds
@pytest.mark.parametrize("padding", ["exclude", "zero"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_are_finite_everywhere_masked_rows_and_ties_too(pooling, padding):
    tf = pytest.importorskip("tensorflow")
    regions = MIXED_REGIONS.copy()
    regions[3, :4] = regions[3, 0]  # ties
    words = MIXED_WORDS.copy()
    words[0] = -regions[3, 0]  # no cosine above zero: nothing for scan to attend to
    regions, words = tf.Variable(regions), tf.Variable(words)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(similarity(regions, words, pooling, padding))
    for gradient in tape.gradient(total, (regions, words)):
        assert np.isfinite(gradient.numpy()).all()
        assert np.abs(gradient.numpy()).max() < 1e3
        assert np.abs(gradient.numpy()).max() > 0


def test_gradient_of_scan_equals_finite_differences():
    tf = pytest.importorskip("tensorflow")
    regions, words = unit_sets(1, 3, seed=11), unit_sets(1, 4, seed=12, real=[3])
    variable = tf.Variable(words)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(similarity(regions, variable, "scan"))
    gradient = tape.gradient(total, variable).numpy()
    step = 1e-5
    for w in range(3):
        for d in range(DIM):
            moved = words.astype(float)
            moved[0, w, d] += step
            up = oracle.exclude(regions[0], moved[0], "scan")
            moved[0, w, d] -= 2 * step
            down = oracle.exclude(regions[0], moved[0], "scan")
            assert gradient[0, w, d] == pytest.approx(
                (up - down) / (2 * step), abs=2e-3
            )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"pooling": "max"}, "pooling='max' is unknown; choose one of MrSw, MwSr"),
        ({"padding": "drop"}, "padding='drop' is unknown; choose one of exclude, zero"),
    ],
)
@pytest.mark.parametrize("function", [similarity, all_pairs])
def test_an_unknown_rule_is_refused_by_name(function, argument, message):
    with pytest.raises(ValueError, match=message):
        function(MIXED_REGIONS, MIXED_WORDS, **argument)


@pytest.mark.parametrize("function", [similarity, all_pairs])
@pytest.mark.parametrize(
    ("regions", "words"),
    [((2, 3, 5), (2, 3, 4)), ((3, 5), (2, 3, 5)), ((2, 3, 5), (2, 3, 5, 1))],
)
def test_embeddings_of_other_shapes_are_refused_with_their_shapes(
    function, regions, words
):
    message = rf"region_embeddings \({regions[0]}, .*word_embeddings \({words[0]}, "
    with pytest.raises(ValueError, match=message):
        function(np.zeros(regions, "float32"), np.zeros(words, "float32"))


@pytest.fixture(scope="module")
def original(shared):
    return original_numbers(shared)


@pytest.mark.seconds
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_original_rule_gives_the_original_scores(original, pooling):
    regions, words, expected = original
    name = MODE_NAMES.get(pooling, pooling)
    np.testing.assert_allclose(
        all_pairs(regions, words, pooling, "zero"),
        expected[f"similarity_{name}"],
        rtol=1e-5,
        atol=2e-4 if pooling == "sum" else 2e-5,
    )


def test_padded_to_88_the_original_rule_gives_its_evaluation(original):
    regions, words, expected = original
    wide = np.pad(words, ((0, 0), (0, 88 - words.shape[1]), (0, 0)))
    np.testing.assert_allclose(
        all_pairs(regions, wide, "MrSw", "zero"),
        expected["evaluation_similarity"],
        atol=2e-5,
    )
