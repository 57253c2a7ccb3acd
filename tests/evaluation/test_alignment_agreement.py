"""Alignment agreement: words that keep their region, counted by hand."""

import numpy as np
import pytest

from keras_teran.evaluation import _alignment_agreement as agreement
from keras_teran.evaluation import alignment_agreement

AXES = np.eye(3, dtype=np.float32)


def sets(*rows):
    """float32 (sets, members, 3), zeros behind what is shorter."""
    most = max(map(len, rows))
    found = np.zeros((len(rows), most, 3), np.float32)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
    return found


IMAGES = sets([AXES[0], AXES[1]], [AXES[2], AXES[1], AXES[0]])
WORDS = sets([AXES[0], AXES[1], [0.6, 0.8, 0]], [AXES[2]], [AXES[0]])
OWNERS = [0, 1, 1]


def test_each_word_chooses_in_its_own_image_and_padding_chooses_nothing():
    chosen = agreement.best_regions(IMAGES, WORDS, OWNERS)
    assert chosen.tolist() == [[0, 1, 1], [0, -1, -1], [2, -1, -1]]


def test_padding_is_not_chosen_where_all_cosines_are_negative():
    images, words = sets([-AXES[0], -AXES[0]], [AXES[0]]), sets([AXES[0]])
    assert agreement.best_regions(images, words, [0]).tolist() == [[0]]
    assert agreement.best_regions(-images, -words, [1]).tolist() == [[0]]


def test_the_same_encodings_agree_and_ties_go_to_the_first():
    assert alignment_agreement((IMAGES, WORDS), (IMAGES, WORDS), OWNERS) == 1
    tied = sets([AXES[0], AXES[0]])
    assert agreement.best_regions(tied, sets([AXES[0]]), [0]).tolist() == [[0]]


def test_the_share_of_words_that_keep_their_region_is_told():
    moved = WORDS.copy()
    moved[0, 2] = [0.8, 0.6, 0]  # From region 1 to region 0: one word of five.
    assert alignment_agreement((IMAGES, WORDS), (IMAGES, moved), OWNERS) == 4 / 5


def test_a_word_that_the_second_lacks_has_not_kept_its_region():
    lost = WORDS.copy()
    lost[1, 0] = 0
    assert alignment_agreement((IMAGES, WORDS), (IMAGES, lost), OWNERS) == 4 / 5
    # And one that the first lacks is not asked for.
    assert alignment_agreement((IMAGES, lost), (IMAGES, WORDS), OWNERS) == 1


def test_blocks_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    images, words = rng.normal(size=(4, 6, 8)), rng.normal(size=(9, 5, 8))
    owners = rng.integers(0, 4, 9)
    whole = agreement.best_regions(images, words, owners)
    naive = [
        [int(np.argmax(images[owner] @ word)) for word in caption]
        for owner, caption in zip(owners, words, strict=True)
    ]
    assert whole.tolist() == naive
    monkeypatch.setattr(agreement, "_CAPTIONS_PER_BLOCK", 2)
    assert agreement.best_regions(images, words, owners).tolist() == naive


def test_other_numbers_of_regions_or_words_are_refused():
    with pytest.raises(
        ValueError, match=r"first has regions and words \[\(2, 3\), \(3, 3"
    ):
        alignment_agreement((IMAGES, WORDS), (IMAGES[:, :2], WORDS), OWNERS)
    with pytest.raises(ValueError, match="There is no word whose region"):
        alignment_agreement((IMAGES, 0 * WORDS), (IMAGES, WORDS), OWNERS)
