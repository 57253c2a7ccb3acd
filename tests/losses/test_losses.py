"""The hinge loss against visible arithmetic and against loops."""

import keras
import numpy as np
import pytest
from support import oracle_scores as oracle
from support.original import MODE_NAMES, original_numbers

from keras_teran.losses._losses import (
    Contrastive,
    Distillation,
    Hinge,
    PooledLoss,
    negative_pairs,
    rows_of_captions,
)
from keras_teran.similarity._pooling import POOLINGS, similarity

SCORES = np.array(
    [[1.0, 0.9, 0.5], [0.3, 0.8, 0.7], [0.95, 0.1, 0.6]],
    "float32",
)


def test_the_hardest_negatives_by_hand():
    # Rows, margin 0.2: image 0 against captions: 0.2+0.9-1.0; image 1: 0.2+0.7-0.8;
    # image 2: 0.2+0.95-0.6. Columns: caption 0: 0.2+0.95-1.0; caption 1: 0.2+0.9-0.8;
    # caption 2: 0.2+0.7-0.6.
    expected = 0.1 + 0.1 + 0.55 + 0.15 + 0.3 + 0.3
    assert float(Hinge(0.2)(SCORES, [7, 8, 9])) == pytest.approx(expected, abs=1e-6)


def test_the_sum_over_negatives_by_hand():
    # Rows: (0.1 + 0) + (0 + 0.1) + (0.55 + 0). Columns: caption 0: 0.15 of image 2, 0
    # of image 1; caption 1: 0.3, 0; caption 2: 0.2+0.5-0.6 and 0.2+0.7-0.6.
    expected = 0.1 + 0.1 + 0.55 + 0.15 + 0.3 + 0.1 + 0.3
    loss = Hinge(0.2, negatives="sum")(SCORES, [7, 8, 9])
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_each_direction_compares_with_the_positive_of_its_own_pair():
    """Only image 1 has a violating caption: row 1, column 0."""
    scores = np.array([[5.0, 0.0], [2.1, 2.0]], "float32")
    # image 1: 0.2 + 2.1 - 2.0; caption 0: 0.2 + 2.1 - 5.0 is below zero.
    assert float(Hinge(0.2)(scores, [0, 1])) == pytest.approx(0.3, abs=1e-6)
    # and its transpose, where only caption 1 has a violating image: column 1, row 0
    assert float(Hinge(0.2)(scores.T, [0, 1])) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("negatives", ["hardest", "sum"])
@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0])
def test_the_loss_equals_the_loops_with_captions_of_the_same_image(negatives, margin):
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(9, 9)).astype("float32")
    image_ids = np.array([3, 3, 5, 8, 5, 3, 9, 1, 0])
    expected = oracle.hinge(scores.tolist(), image_ids.tolist(), margin, negatives)
    loss = float(Hinge(margin, negatives)(scores, image_ids))
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("negatives", ["hardest", "sum"])
def test_pairs_of_the_same_image_are_never_negatives(negatives):
    scores = np.array([[1.0, 9.0, 0.9], [9.0, 1.0, 0.0], [0.0, 0.9, 1.0]], "float32")
    # The 9s are between pairs of image 4. Left: 0.2+0.9-1.0, once in row 0 and once in
    # column 1 ... and column 2 and row 2: the two cells of 0.9, each in both ways.
    assert float(Hinge(0.2, negatives)(scores, [4, 4, 6])) == pytest.approx(0.4)
    assert float(Hinge(0.2, negatives)(scores, [4, 4, 4])) == 0.0


def test_negative_pairs_are_those_of_different_images():
    expected = [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(negative_pairs([2, 5, 2])), np.array(expected, bool)
    )


def test_a_violation_of_exactly_nothing_costs_nothing():
    scores = np.array([[1.0, 0.75], [0.5, 1.0]], "float32")
    assert float(Hinge(0.25)(scores, [0, 1])) == 0.0


@pytest.mark.parametrize("margin", [0, -0.1])
def test_a_margin_that_is_not_above_zero_is_refused(margin):
    with pytest.raises(ValueError, match=f"margin={margin} must be above 0"):
        Hinge(margin)


def test_an_unknown_choice_of_negatives_is_refused():
    message = "negatives='all' is unknown; choose one of hardest, sum"
    with pytest.raises(ValueError, match=message):
        Hinge(negatives="all")


def test_a_saved_loss_comes_back_with_its_arguments():
    config = keras.saving.serialize_keras_object(Hinge(0.3, "sum"))
    loss = keras.saving.deserialize_keras_object(config)
    assert isinstance(loss, Hinge)
    assert (loss.margin, loss.negatives) == (0.3, "sum")


@pytest.fixture(scope="module")
def original(shared):
    return original_numbers(shared)


@pytest.mark.seconds
@pytest.mark.parametrize("negatives", ["hardest", "sum"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_loss_of_the_original_is_reached(original, pooling, negatives):
    regions, words, expected = original
    name = MODE_NAMES.get(pooling, pooling)
    batch = similarity(regions, words[::5], pooling, "zero")
    loss = float(Hinge(0.2, negatives)(batch, np.arange(60)))
    assert loss == pytest.approx(expected[f"loss_{name}_{negatives}"], rel=2e-5)


def test_the_contrastive_loss_by_hand():
    # Logits are the scores times 2. Row 0 and column 0: the odds of the one negative
    # against the positive are e^(1.8 - 2) and e^(0.6 - 2).
    scores = np.array([[1.0, 0.9], [0.3, 0.8]], "float32")
    of_images = np.log1p(np.exp([1.8 - 2.0, 0.6 - 1.6])).mean()
    of_captions = np.log1p(np.exp([0.6 - 2.0, 1.8 - 1.6])).mean()
    loss = float(Contrastive(0.5)(scores, [7, 8]))
    assert loss == pytest.approx(of_images + of_captions, rel=1e-6)


def test_the_contrastive_loss_equals_the_loops_with_captions_of_the_same_image():
    scores = np.random.default_rng(0).normal(size=(7, 7))
    ids = [3, 3, 5, 8, 5, 3, 9]
    expected = 0.0
    for pair in range(7):
        for cells in (scores[pair], scores[:, pair]):
            others = [cells[j] for j in range(7) if ids[j] != ids[pair]]
            odds = np.exp(np.array([cells[pair], *others]) / 0.3)
            expected -= np.log(odds[0] / odds.sum()) / 7
    loss = float(Contrastive(0.3)(scores.astype("float32"), ids))
    assert loss == pytest.approx(expected, rel=1e-5)


def test_captions_of_one_image_alone_cost_nothing():
    assert float(Contrastive()(SCORES, [4, 4, 4])) == 0.0


def test_a_contrastive_loss_of_huge_scores_is_finite():
    assert np.isfinite(float(Contrastive(1e-3)(1e3 * SCORES, [7, 8, 9])))


@pytest.mark.parametrize("temperature", [0, -0.1, float("nan")])
def test_a_temperature_that_is_not_above_0_is_named(temperature):
    with pytest.raises(ValueError, match=f"temperature={temperature} must be above 0"):
        Contrastive(temperature)


def test_a_contrastive_loss_is_rebuilt_from_its_configuration():
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Contrastive(0.3))
    )
    assert isinstance(again, Contrastive) and again.temperature == 0.3


def test_the_row_of_an_image_stands_once_for_each_of_its_captions():
    rows = keras.ops.convert_to_numpy(rows_of_captions(np.arange(8.0).reshape(2, 4)))
    # Captions 0 and 1 are of image 0, 2 and 3 of image 1.
    np.testing.assert_array_equal(rows, [[0, 1, 2, 3]] * 2 + [[4, 5, 6, 7]] * 2)
    np.testing.assert_array_equal(rows_of_captions(SCORES), SCORES)


def test_the_pooled_loss_is_the_sum_of_its_weighted_parts():
    generator = np.random.default_rng(5)
    cosines, scores = generator.uniform(-1, 1, (2, 3, 3)).astype("float32")
    image_ids = np.array([7, 7, 8])
    own = float(Contrastive(0.1)(cosines, image_ids))
    taught = float(Distillation()(cosines, scores, image_ids))
    for weights, expected in (
        ((2.0, 0.0), 2 * own),
        ((0.0, 0.5), 0.5 * taught),
        ((2.0, 0.5), 2 * own + 0.5 * taught),
    ):
        loss = PooledLoss(weights[0], 0.1, weights[1])
        assert float(loss(cosines, scores, image_ids)) == pytest.approx(
            expected, rel=1e-5
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"contrastive": -1}, "contrastive=-1 must be 0 or more"),
        ({"distillation": -0.1}, "distillation=-0.1 must be 0 or more"),
        ({"contrastive": 1, "temperature": 0}, "temperature=0 must be above 0"),
    ],
)
def test_a_pooled_loss_that_says_nothing_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        PooledLoss(**arguments)
