"""What a first stage loses, on matrices whose answer can be seen."""

import numpy as np
import pytest

from keras_teran.evaluation._candidate_recall import survival, two_stage_recall
from keras_teran.evaluation._recall import recall_table

EXACT = np.array([[0.9, 0.8, 0.7, 0.1], [0.1, 0.6, 0.2, 0.5]])
FIRST = np.array([[0.3, 0.1, 0.9, 0.8], [0.0, 0.1, 0.9, 0.8]])


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        (1, 0 / 4),  # {2} of {0, 1}; {2} of {1, 3}
        (2, (0 + 1) / 4),  # {2, 3} of {0, 1}; {2, 3} of {1, 3}
        (3, (1 + 2) / 4),  # {2, 3, 0}; {2, 3, 1}
        (4, 4 / 4),
    ],
)
def test_survival_is_the_share_of_the_best_among_the_candidates(candidates, expected):
    assert survival(FIRST, EXACT, candidates, top=2) == pytest.approx(expected)


def test_more_candidates_than_items_are_all_items():
    assert survival(FIRST, EXACT, 99, top=10) == 1.0


def test_two_stages_on_all_candidates_have_the_exhaustive_recall():
    generator = np.random.default_rng(0)
    exact, first = generator.normal(size=(2, 20, 40))
    owners = np.arange(40) // 2
    table = recall_table(exact, owners)
    found = two_stage_recall(first, exact, 40, owners)
    assert found == {way: table[way] for way in found}


def test_what_is_no_candidate_is_not_found():
    # Each right answer is the best by score; the first stage hides caption 0 of image 0.
    exact = np.array([[0.9, 0.1], [0.2, 0.8]])
    first = np.array([[0.1, 0.9], [0.1, 0.9]])
    found = two_stage_recall(first, exact, 1, np.array([0, 1]))
    assert found["image_to_text"]["r1"] == 0.5
    # Caption 0 finds both images equal and takes either; caption 1 likewise.
    first = np.array([[0.1, 0.9], [0.9, 0.1]])
    assert (
        two_stage_recall(first, exact, 1, np.array([0, 1]))["text_to_image"]["r1"] == 0
    )
