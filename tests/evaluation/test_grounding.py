"""Grounding accuracy against arithmetic by hand, with a model made of tables."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._memory_store import MemoryRegions
from keras_teran.data.scenes._embedded import Grounding
from keras_teran.evaluation._grounding import grounding_accuracy
from keras_teran.text._tokenizer import CaptionTokenizer

LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]
MOST_OF_LEFT, NOTHING = [0.0, 0.0, 0.4, 1.0], [0.0, 0.0, 0.0, 0.0]


class TableModel:
    """Region features are the embeddings; a token's embedding is `words[token]`."""

    def __init__(self, tokenizer, words):
        ids = {token: index for index, token in enumerate(tokenizer.vocabulary)}
        self.table = np.zeros((len(ids), 3), np.float32)
        for token, embedding in words.items():
            self.table[ids[token]] = embedding

    def encode(self, inputs, batch_size=256, progress=False):
        if "regions" in inputs:
            return {"region_embeddings": inputs["regions"]}
        mask = inputs["padding_mask"].copy()
        lengths = mask.sum(1)
        mask[:, 0] = False
        mask[np.arange(len(mask)), lengths - 1] = False
        words = self.table[inputs["token_ids"]] * mask[..., None]
        return {"word_embeddings": words, "word_mask": mask}


@pytest.fixture
def tokenizer():
    words = ["red", "star", "blue", "ring", "over", "ho", "##op"]
    return CaptionTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])


def one_set(groundings, captions=("star over ring",), boxes=(LEFT, RIGHT, NOTHING)):
    """An image whose regions embed as the three axes; the third is padding."""
    features = np.eye(3, dtype=np.float32)
    features[2] = 0
    return SimpleNamespace(
        captions=CaptionSet(
            image_ids=[4],
            filenames=["a.png"],
            captions=list(captions),
            caption_ids=np.arange(len(captions)),
            caption_to_image=np.zeros(len(captions)),
        ),
        regions=MemoryRegions(
            [4], features[None], np.array([boxes]), np.array([[True, True, False]])
        ),
        groundings=[Grounding(c, s, np.array(b)) for c, s, b in groundings],
    )


STAR, RING = (0, 4), (10, 14)


def test_accuracy_counts_the_nouns_whose_region_is_the_true_one(tokenizer):
    model = TableModel(tokenizer, {"star": [1, 0, 0], "ring": [1, 0.5, 0]})
    result = grounding_accuracy(
        model, tokenizer, one_set([(0, STAR, LEFT), (0, RING, RIGHT)])
    )
    # The star chooses the left region, and so, wrongly, does the ring.
    assert result == {"accuracy": 1 / 2, "chance": 1 / 2, "nouns": 2}


def test_nouns_are_read_where_they_stand_and_not_elsewhere(tokenizer):
    model = TableModel(tokenizer, {"star": [1, 0, 0], "ring": [0, 1, 0]})
    right = one_set([(0, STAR, LEFT), (0, RING, RIGHT)])
    swapped = one_set([(0, STAR, RIGHT), (0, RING, LEFT)])
    assert grounding_accuracy(model, tokenizer, right)["accuracy"] == 1
    assert grounding_accuracy(model, tokenizer, swapped)["accuracy"] == 0


def test_a_region_that_overlaps_by_half_counts_and_chance_counts_each(tokenizer):
    model = TableModel(tokenizer, {"star": [0, 1, 0]})
    # The second region shares 0.4 with a box of 0.5: 0.4 / 0.5, so both would do.
    several = one_set([(0, STAR, LEFT)], boxes=(LEFT, MOST_OF_LEFT, NOTHING))
    assert grounding_accuracy(model, tokenizer, several) == {
        "accuracy": 1,
        "chance": 1,
        "nouns": 1,
    }
    # 0.24 / 0.5 is too little.
    less = one_set([(0, STAR, LEFT)], boxes=(LEFT, [0, 0, 0.24, 1], NOTHING))
    assert grounding_accuracy(model, tokenizer, less) == {
        "accuracy": 0,
        "chance": 1 / 2,
        "nouns": 1,
    }


def test_padding_is_not_chosen_where_all_cosines_are_negative(tokenizer):
    model = TableModel(tokenizer, {"star": [-0.1, -0.9, 0]})
    result = grounding_accuracy(model, tokenizer, one_set([(0, STAR, LEFT)]))
    assert result["accuracy"] == 1


def test_padding_counts_neither_as_a_region_nor_as_a_right_one(tokenizer):
    model = TableModel(tokenizer, {"star": [1, 0, 0]})
    padded = one_set([(0, STAR, LEFT)], boxes=(LEFT, RIGHT, LEFT))
    assert grounding_accuracy(model, tokenizer, padded)["chance"] == 1 / 2


def test_a_noun_of_two_pieces_is_judged_by_their_mean(tokenizer):
    # Pieces [0.9, 0, 0] and [0, 1, 0]: the mean prefers the right region by 0.05.
    model = TableModel(tokenizer, {"ho": [0.9, 0, 0], "##op": [0, 1, 0]})
    hoop = one_set([(0, (4, 8), RIGHT)], captions=["red hoop"])
    assert grounding_accuracy(model, tokenizer, hoop)["accuracy"] == 1
    model = TableModel(tokenizer, {"ho": [1, 0, 0], "##op": [0, 0.9, 0]})
    assert grounding_accuracy(model, tokenizer, hoop)["accuracy"] == 0


def test_a_noun_is_judged_in_its_own_caption(tokenizer):
    model = TableModel(tokenizer, {"star": [1, 0, 0], "ring": [0, 1, 0]})
    captions = ["ring over star", "star over ring"]
    both = one_set([(1, STAR, LEFT), (0, STAR, RIGHT)], captions=captions)
    assert grounding_accuracy(model, tokenizer, both)["accuracy"] == 1


def test_without_nouns_there_is_nothing_to_judge(tokenizer):
    with pytest.raises(ValueError, match="groundings is empty"):
        grounding_accuracy(TableModel(tokenizer, {}), tokenizer, one_set([]))


def test_a_noun_that_the_tokeniser_cut_off_is_named(tokenizer):
    short = CaptionTokenizer(tokenizer.vocabulary, max_length=4)
    model = TableModel(short, {"star": [1, 0, 0]})
    with pytest.raises(ValueError, match="noun 'ring'.*max_length"):
        grounding_accuracy(model, short, one_set([(0, RING, LEFT)]))
