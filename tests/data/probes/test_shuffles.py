"""ARO's order sets made of captions."""

import collections

import numpy as np
import pytest

from keras_teran.data._caption_set import CaptionSet
from keras_teran.data.probes._shuffles import ALL_SHUFFLES, SHUFFLES, make_order
from keras_teran.data.probes._word_classes import WordClasses

TEXTS = [
    "A red dog chases the small cat on a wet street.",
    "The cat and a dog in the street",
    "a cat, a dog, a street",
    "two dog",
]


def caption_set(texts, per_image=2):
    count = len(texts)
    return CaptionSet(
        image_ids=10 + np.arange(-(-count // per_image)),
        filenames=[f"{n}.jpg" for n in range(-(-count // per_image))],
        captions=texts,
        caption_ids=np.arange(count),
        caption_to_image=np.arange(count) // per_image,
    )


@pytest.fixture(scope="module")
def made():
    return make_order(caption_set(TEXTS * 3, per_image=4), seed=3)


def test_a_shuffle_has_the_words_of_its_caption_in_another_order(made):
    for item in made.items:
        (right,) = item.right
        assert right == right.lower()
        assert not set(right) & set(".,")
        for wrong in item.wrong:
            assert wrong != right
            assert sorted(wrong.split()) == sorted(right.split())


def test_the_same_seed_makes_the_same_items_and_another_seed_others(made):
    captions = caption_set(TEXTS * 3, per_image=4)
    assert make_order(captions, seed=3) == made
    assert make_order(captions, seed=4).items != made.items


def test_nouns_and_adjectives_move_among_their_own_places_alone(made):
    classes = WordClasses(TEXTS * 3)
    kinds = collections.Counter(item.kind for item in made.items)
    assert kinds["nouns and adjectives"] and kinds["all but nouns and adjectives"]

    def classes_of(text):
        return [
            (classes.is_noun(word), classes.is_adjective(word)) for word in text.split()
        ]

    for item in made.items:
        right, wrong = item.right[0].split(), item.wrong[0].split()
        moved = [a for a, b in zip(right, wrong, strict=True) if a != b]
        content = [classes.is_noun(w) or classes.is_adjective(w) for w in moved]
        if item.kind == "nouns and adjectives":
            assert all(content)
            assert classes_of(item.right[0]) == classes_of(item.wrong[0])
        elif item.kind == "all but nouns and adjectives":
            assert not any(content)


def test_words_stay_within_their_trigram():
    words = [*"abcdefgh"]
    for seed in range(20):
        found = SHUFFLES["within trigrams"](words, None, np.random.default_rng(seed))
        assert [sorted(found[at : at + 3]) for at in (0, 3, 6)] == [
            ["a", "b", "c"],
            ["d", "e", "f"],
            ["g", "h"],
        ]


def test_trigrams_change_places_as_they_are():
    words = [*"abcdefgh"]
    seen = {
        "".join(SHUFFLES["trigrams"](words, None, np.random.default_rng(seed)))
        for seed in range(60)
    }
    assert seen == {
        "abcdefgh",
        "abcghdef",
        "defabcgh",
        "defghabc",
        "ghabcdef",
        "ghdefabc",
    }


def test_the_published_question_has_all_shuffles_of_a_caption(made):
    every = [item for item in made.items if item.kind == ALL_SHUFFLES]
    assert len(every) == len(TEXTS * 3)
    for item in every:
        alone = {
            other.wrong[0]
            for other in made.items
            if other.place == item.place and other.kind != ALL_SHUFFLES
        }
        assert set(item.wrong) == alone


def test_captions_that_cannot_be_shuffled_are_left_out_or_refused():
    items = make_order(caption_set(["dog", "a dog"])).items
    assert {item.place for item in items} == {"caption 1"}
    with pytest.raises(
        ValueError, match="No caption can be shuffled: each has one word"
    ):
        make_order(caption_set(["dog", "go go go"]))
