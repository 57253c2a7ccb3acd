"""Half-truths made by rule: what is added, and that both additions are equally long."""

import numpy as np
import pytest

from keras_teran.data._caption_set import CaptionSet
from keras_teran.data.probes._additions import (
    OPPOSITES,
    _excluded_by,
    make_half_truths,
)
from keras_teran.data.probes._word_classes import ADJECTIVES
from keras_teran.text import CaptionTokenizer

# Nouns are told by where they stand: each stands often enough.
IMAGES = [
    ["A dog runs.", "A brown dog runs to a ball", "a dog near the house on a hill"],
    ["The dogs", "two dogs with a cat", "dogs in a house on the grass"],
    ["a cat sleeps", "a black cat sleeps in an umbrella", "the cat and a ball"],
    ["a house", "a small house on a hill", "a house and a dog and the grass"],
    ["the boat", "a boat under the sky", "a boat and an umbrella on the hill"],
] * 2


def caption_set(images=IMAGES):
    texts = [text for own in images for text in own]
    return CaptionSet(
        image_ids=100 + np.arange(len(images)),
        filenames=[""] * len(images),
        captions=texts,
        caption_ids=np.arange(len(texts)),
        caption_to_image=np.repeat(
            np.arange(len(images)), [len(own) for own in images]
        ),
    )


def word_lengths(texts):
    return np.array([len(text.split()) for text in texts])


@pytest.fixture(scope="module")
def made():
    return make_half_truths(caption_set(), word_lengths)


def of_kind(made, kind):
    """(image number, caption, true, wrong) of the items of a kind."""
    return [
        (item.images[0] - 100, *item.right, *item.wrong)
        for item in made.items
        if item.kind == kind
    ]


def words_said(image):
    return {word.strip(".").lower() for text in IMAGES[image] for word in text.split()}


def test_every_kind_is_made_and_its_additions_are_equally_long(made):
    assert {item.kind for item in made.items} == {
        "noun",
        "adjective",
        "number",
        "relation",
    }
    for item in made.items:
        caption, true, wrong = word_lengths(item.right + item.wrong)
        assert caption < true == wrong


def test_what_is_true_is_said_by_another_caption_and_what_is_wrong_by_none(made):
    for item in made.items:
        image = item.images[0] - 100
        true = item.right[1].lower().split()
        wrong = item.wrong[0].lower().split()
        differ = [(a, b) for a, b in zip(true, wrong, strict=True) if a != b]
        for word, other in differ:
            if word in ("a", "an"):
                continue
            assert word in words_said(image), item
            assert other not in words_said(image), item


def test_a_noun_is_added_at_the_end(made):
    for _, caption, true, wrong in of_kind(made, "noun"):
        assert true.startswith(f"{caption} with a")
        assert wrong.startswith(f"{caption} with a")


def test_an_adjective_is_added_before_its_noun_and_excluded_by_the_wrong_one(made):
    (image, caption, true, wrong), *_ = of_kind(made, "adjective")
    assert (image, caption, true) == (0, "A dog runs", "A brown dog runs")
    adjective = wrong.split()[1]
    (group,) = (group for group in ADJECTIVES if ("brown", "tan") in group)
    assert adjective in {same[0] for same in group} - {"brown"}


def test_an_adjective_is_excluded_by_others_of_its_group_that_nobody_says():
    assert _excluded_by("tiny", set()) == ["large"]
    # "big" says the same as "large".
    assert _excluded_by("tiny", {"big"}) == []
    assert "scarlet" not in _excluded_by("red", set())
    assert _excluded_by("purple", {"red", "grey"})[:2] == ["orange", "yellow"]
    assert _excluded_by("muddled", set()) == []


def test_an_article_follows_the_adjective():
    images = [[f"a hat {n}", "an orange hat"] for n in "uvwxyz"]
    for item in make_half_truths(caption_set(images), word_lengths).items:
        for text in [item.right[1], *item.wrong]:
            article, adjective, *_ = text.split()
            assert article == ("an" if adjective[0] in "aeiou" else "a")


def test_a_number_is_added_before_a_plural(made):
    found = of_kind(made, "number")
    assert found
    for image, caption, true, wrong in found:
        assert (image % 5, caption, true) == (1, "The dogs", "The two dogs")
        assert wrong in {f"The {n} dogs" for n in ("three", "four", "five", "six")}


def test_a_relation_is_turned_into_its_opposite(made):
    found = of_kind(made, "relation")
    assert found
    for _, caption, true, wrong in found:
        first, second = (t.removeprefix(caption).split() for t in (true, wrong))
        assert OPPOSITES[first[0]] == second[0]
        assert first[1:] == second[1:]


def test_lengths_are_those_of_the_tokenizer():
    """Of "cat" and "dog" one piece, of all other words their letters."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*letters, *(f"##{letter}" for letter in letters), "cat", "dog", "a", "an"]
    tokenizer = CaptionTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(pieces)]
    )
    items = make_half_truths(caption_set(), tokenizer.lengths).items
    assert items
    for item in items:
        caption, true, wrong = tokenizer.lengths([*item.right, *item.wrong])
        assert caption < true == wrong


def test_additions_that_the_tokenizer_cuts_off_are_none():
    with pytest.raises(ValueError, match="No half-truth can be made: no caption lacks"):
        make_half_truths(caption_set(), lambda texts: np.full(len(texts), 3))


def test_the_same_seed_makes_the_same_items_and_another_seed_others(made):
    assert make_half_truths(caption_set(), word_lengths) == made
    assert make_half_truths(caption_set(), word_lengths, seed=1).items != made.items


def test_one_caption_an_image_gives_nothing_to_add():
    with pytest.raises(ValueError, match="Give several captions an image"):
        make_half_truths(caption_set([["a dog"]] * 5), word_lengths)
