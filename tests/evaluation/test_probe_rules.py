"""What is counted of a probe's items, and what chance gives."""

import itertools

import numpy as np
import pytest

from keras_teran.data.probes._items import ProbeItem
from keras_teran.evaluation._probe_rules import RULES, judge_all


def item(right, wrong, images=1):
    """An item of so many texts."""
    texts = [f"text {number}" for number in range(right + wrong)]
    keys = tuple(range(images))
    return ProbeItem(keys, tuple(texts[:right]), tuple(texts[right:]), "kind", "here")


def judged(rule, scores, right=1):
    """Outcomes and margin of one item."""
    scores = np.array(scores, float)
    wrong = scores.shape[1] - right
    outcomes, _, margins = judge_all(rule, [item(right, wrong, len(scores))], [scores])
    return outcomes[0].tolist(), margins[0]


@pytest.mark.parametrize(
    ("scores", "right", "outcome", "margin"),
    [
        ([[0.75, 0.5]], 1, True, 0.75 - 0.5),
        ([[0.5, 0.75]], 1, False, 0.5 - 0.75),
        ([[0.75, 0.5, 1.0]], 1, False, 0.75 - 1.0),
        ([[0.75, 0.5, 0.25]], 1, True, 0.75 - 0.5),
        # Both right captions have to stand above.
        ([[1.0, 0.5, 0.75]], 2, False, 0.5 - 0.75),
        ([[0.5, 0.5]], 1, False, 0),
        # A difference of rounding is a tie.
        ([[0.5 + 1e-7, 0.5]], 1, False, 0),
        ([[100 + 1e-4, 100]], 1, False, 0),
        ([[0.5 + 1e-5, 0.5]], 1, True, 1e-5),
    ],
)
def test_a_choice_is_right_where_right_stands_above_every_wrong(
    scores, right, outcome, margin
):
    found, by = judged("choice", scores, right)
    assert found == [outcome]
    assert by == pytest.approx(margin, abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "outcome", "margin"),
    [
        # Rows images, columns captions.
        ([[4, 1], [2, 3]], [True, True, True], min(4 - 1, 3 - 2, 4 - 2, 3 - 1)),
        # Each image knows its caption, no caption knows its image.
        ([[4, 1], [6, 7]], [True, False, False], 4 - 6),
        ([[4, 6], [1, 7]], [False, True, False], 4 - 6),
        ([[4, 4], [1, 7]], [False, True, False], 0),
        ([[1, 4], [3, 2]], [False, False, False], 1 - 4),
    ],
)
def test_two_images_and_two_captions_are_judged_as_in_winoground(
    scores, outcome, margin
):
    assert judged("both ways", scores, right=2) == (outcome, margin)


@pytest.mark.parametrize(
    ("caption", "true", "wrong", "outcome"),
    [
        # As one would want it.
        (2, 3, 1, [True, True, False]),
        # A sum over words rises with each.
        (2, 4, 3, [True, False, False]),
        # A mean falls with each.
        (4, 3, 2, [True, True, True]),
        (2, 1, 3, [False, False, True]),
        (2, 2, 2, [False, False, False]),
    ],
)
def test_a_half_truth_has_three_outcomes(caption, true, wrong, outcome):
    found, margin = judged("half-truth", [[caption, true, wrong]], right=2)
    assert found == outcome
    assert margin == true - wrong


@pytest.mark.parametrize(
    ("rule", "images", "right", "wrong"),
    [
        ("choice", 1, 1, 1),
        ("choice", 1, 1, 4),
        ("choice", 1, 2, 2),
        ("both ways", 2, 2, 0),
        ("half-truth", 1, 2, 1),
    ],
)
def test_chance_is_the_share_over_all_orders_of_the_scores(rule, images, right, wrong):
    shape = images, right + wrong
    orders = [*itertools.permutations(range(int(np.prod(shape))))]
    items = [item(right, wrong, images)] * len(orders)
    scores = [np.reshape(order, shape) for order in orders]
    outcomes, chances, _ = judge_all(rule, items, scores)
    np.testing.assert_allclose(outcomes.mean(axis=0), chances[0])
    assert len(RULES[rule].figures) == outcomes.shape[1]
