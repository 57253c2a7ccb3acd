"""Intervals and tests: exact where chance allows it, calibrated where it does not."""

import itertools

import numpy as np
import pytest

from keras_teran.evaluation._query_results import answer, compare, figures
from keras_teran.evaluation._recall import flatten, recall_table
from keras_teran.evaluation._statistics import (
    bootstrap,
    fold_means,
    interval,
    p_value,
    permutation,
)


def fold(values, counts=None):
    """One statistic of one fold: a value and a number of queries an image."""
    top = np.array(values, float)[:, None]
    return top, np.ones_like(top) if counts is None else np.array(counts, float)[
        :, None
    ]


def test_a_mean_over_folds_gives_each_fold_one_vote():
    folds = [fold([1, 1, 0, 0]), fold([1])]
    assert fold_means(folds) == (2 / 4 + 1 / 1) / 2
    assert fold_means([fold([3, 0], [5, 1])]) == 3 / 6
    assert fold_means([fold([0, 0], [0, 0])]) == 0


def test_bootstrap_draws_images_with_all_their_captions():
    # Two images, all five captions of the first are right: a draw of images can only
    # give 0, 1/2 or 1, with chances 1/4, 1/2, 1/4; captions alone would give tenths.
    samples = bootstrap([fold([5, 0], [5, 5])], draws=4000)[:, 0]
    assert set(samples) == {0, 0.5, 1}
    shares = [(samples == value).mean() for value in (0, 0.5, 1)]
    np.testing.assert_allclose(shares, [1 / 4, 1 / 2, 1 / 4], atol=0.03)


def test_the_spread_of_the_bootstrap_is_that_of_a_mean():
    values = np.random.default_rng(0).random(400) < 0.3
    folds = [fold(values[:200]), fold(values[200:])]
    samples = bootstrap(folds, draws=3000)[:, 0]
    variances = [values[:200].var() / 200, values[200:].var() / 200]
    assert samples.std() == pytest.approx(np.sqrt(sum(variances)) / 2, rel=0.06)
    assert samples.mean() == pytest.approx(values.mean(), abs=0.003)


def test_bootstrap_depends_on_the_seed_only():
    folds = [fold([1, 0, 1, 1, 0])]
    assert (bootstrap(folds, 600, seed=3) == bootstrap(folds, 600, seed=3)).all()
    assert (bootstrap(folds, 600, seed=3) != bootstrap(folds, 600, seed=4)).any()


def test_two_models_are_drawn_the_same_images():
    first = [fold([1, 0, 1, 0, 0, 1])]
    better = [(top + 0.25, below) for top, below in first]
    np.testing.assert_allclose(bootstrap(better) - bootstrap(first), 0.25)


def test_the_interval_cuts_both_tails():
    samples = np.arange(1001.0)[:, None]
    assert interval(samples).ravel() == pytest.approx([25, 975])


def test_permutation_equals_the_enumeration_of_all_swaps():
    first, second = [1.0, 0, 0, 0, 1, 0], [1.0, 1, 1, 1, 0, 1]
    change = np.subtract(second, first)
    observed = change.mean()
    all_swaps = itertools.product([1, -1], repeat=6)
    reached = [abs(np.mean(change * signs)) >= abs(observed) for signs in all_swaps]
    differences = permutation([fold(first)], [fold(second)], draws=20_000)
    found = p_value(np.array([observed]), differences)
    assert found[0] == pytest.approx(np.mean(reached), abs=0.01)
    assert np.mean(reached) == 24 / 64  # visible: 5 images changed, 4 of them one way


def test_a_model_does_not_differ_from_itself():
    folds = [fold([1, 0, 1])]
    assert p_value(np.zeros(1), permutation(folds, folds)) == 1


def test_p_is_never_zero_and_has_the_observed_among_its_draws():
    assert p_value(np.array([5.0]), np.zeros((99, 1))) == 1 / 100


def test_swapping_carries_the_denominators_along():
    # One image each way: swapped or not, the difference is 1/2 up or down.
    first, second = [fold([1], [2])], [fold([1], [1])]
    assert set(permutation(first, second, 50)[:, 0]) == {0.5, -0.5}


def random_folds(seed, noise):
    owners = np.repeat(np.arange(20), 5)
    answers, matrices = [], []
    for number in range(2):
        rng = np.random.default_rng([seed, number])
        similarity = (owners == np.arange(20)[:, None]) + rng.normal(
            0, noise, (20, 100)
        )
        grades = np.random.default_rng(number).random((100, 20)).astype("float32")
        grades[:, :3] = 0
        matrices.append(similarity)
        grades_of = {"rouge-l": np.roll(grades, 1, axis=1) ** 3, "spice": grades}
        answers.append(answer(similarity, owners, grades_of))
    return answers, matrices, owners


def test_figures_are_the_means_of_the_folds():
    answers, matrices, owners = random_folds(0, 0.6)
    found = figures(answers)
    tables = [recall_table(matrix, owners) for matrix in matrices]
    assert found["folds"] == tables
    one, other = map(flatten, tables)
    for name, value in flatten(found["recall"]).items():
        assert value == pytest.approx((one[name] + other[name]) / 2)


def test_every_interval_holds_its_figure():
    answers, _, _ = random_folds(0, 1.2)
    found = figures(answers)
    values = flatten(found["recall"])
    for name, both in found["ndcg"].items():
        for way, rules in both.items():
            values[f"{way}_ndcg_{name}"] = rules["left-out"]
    assert set(found["intervals"]) == {n for n in values if "median" not in n}
    for name, (low, high) in found["intervals"].items():
        assert low < values[name] < high, name


def test_both_rules_for_zero_ndcg_are_told():
    answers, _, _ = random_folds(1, 0.6)
    found = figures(answers)["ndcg"]["spice"]
    values = [fold.ndcg["spice"]["image_to_text"] for fold in answers]
    assert all((each[:3] == 0).all() and (each[3:] > 0).all() for each in values)
    left_out = np.mean([each[3:].mean() for each in values])
    counted = np.mean([each.mean() for each in values])
    assert found["image_to_text"] == pytest.approx(
        {"left-out": left_out, "counted": counted}
    )
    both = found["text_to_image"]
    assert both["left-out"] == both["counted"]


def test_a_clearly_better_model_is_told_from_a_worse_one_and_not_from_its_like():
    worse, _, _ = random_folds(0, 1.2)
    better, _, _ = random_folds(0, 0.4)
    found = compare(worse, better)
    gain = figures(better)["recall"]["rsum"] - figures(worse)["recall"]["rsum"]
    assert found["rsum"]["difference"] == pytest.approx(gain)
    assert found["rsum"]["p"] < 0.001
    low, high = found["rsum"]["interval"]
    assert 0 < low < gain < high
    # A larger rank is worse: the difference has the other sign.
    assert found["text_to_image_mean_rank"]["difference"] < 0
    like = compare(better, random_folds(9, 0.4)[0])
    assert like["rsum"]["p"] > 0.05


def test_p_is_uniform_where_the_models_are_alike():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        first, second = rng.random((2, 60)) < 0.5
        one, other = [fold(first)], [fold(second)]
        differences = permutation(one, other, draws=300)
        found.append(p_value(fold_means(other) - fold_means(one), differences)[0])
    assert 0.01 <= np.mean(np.array(found) < 0.05) <= 0.1
