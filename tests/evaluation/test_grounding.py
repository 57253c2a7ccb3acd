"""Grounding against arithmetic by hand, with a model made of tables."""

import json
import runpy
from types import SimpleNamespace

import numpy as np
import pytest
from support.oracle_grounding import cosines_of
from support.table_model import TableModel

from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._memory_store import MemoryRegions
from keras_teran.data._packed_store import PackedRegions
from keras_teran.data._phrases import Phrase
from keras_teran.data.formats._phrase_files import read_phrases
from keras_teran.data.scenes._embedded import Grounding
from keras_teran.evaluation import _phrase_cosines
from keras_teran.evaluation._grounding import (
    evaluate_grounding,
    grounding_accuracy,
    pointing_accuracy,
)
from keras_teran.evaluation._grounding_cases import grounding_cases
from keras_teran.evaluation._statistics import bootstrap, interval
from keras_teran.text._tokenizer import CaptionTokenizer

LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]
MOST_OF_LEFT, NOTHING = [0.0, 0.0, 0.4, 1.0], [0.0, 0.0, 0.0, 0.0]


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


# Phrases of photos.

WHOLE = [0.0, 0.0, 1.0, 1.0]


def two_photos():
    """Photo 4 with a left and a right region, photo 7 with these and the whole."""
    features = np.eye(3, dtype=np.float32)[None].repeat(2, axis=0)
    features[0, 2] = 0
    boxes = np.array([[LEFT, RIGHT, NOTHING], [LEFT, RIGHT, WHOLE]])
    mask = np.array([[True, True, False], [True, True, True]])
    return MemoryRegions([4, 7], features, boxes, mask)


def phrase(image, text, *boxes, caption="star over ring", kind=None):
    start = caption.index(text)
    span = start, start + len(text)
    return Phrase(f"{image}.jpg", caption, *span, tuple(map(tuple, boxes)), kind, image)


STAR_LEFT = {"star": [1, 0, 0], "ring": [0, 1, 0], "over": [0, 0, 1]}


def four_phrases():
    """In photo 4 the star is right and the ring wrong; in photo 7 both are right."""
    return [
        phrase(7, "star", LEFT, kind="things"),
        phrase(4, "star", LEFT, kind="things"),
        phrase(4, "ring", LEFT, kind="things/rings"),
        phrase(7, "ring", RIGHT),
    ]


def values(figures):
    return {name: told["value"] for name, told in figures.items()}


def test_figures_are_shares_of_phrases(tokenizer):
    model = TableModel(tokenizer, STAR_LEFT)
    result = evaluate_grounding(model, tokenizer, four_phrases(), two_photos())
    found = result.figures
    assert (found["phrases"], found["images"], found["boxes"]) == (4, 2, "merged")
    assert found["left_out"] == {"cut": 0, "unscored": 0}
    # Three of four; among the five best regions there is always a right one.
    expected = {"pointing": 3 / 4, "heat_map": 3 / 4, "r1": 3 / 4, "r5": 1, "r10": 1}
    assert values(found["figures"]) == expected
    # The center lies on the edge of all four boxes.
    assert found["center"]["value"] == 1
    assert values(found["minus_center"]) == {"pointing": -1 / 4, "heat_map": -1 / 4}
    # Photo 4: one center of two. Photo 7: two of three, the whole's lies on the edge,
    # and it shares half with either box.
    chance = (1 / 2 + 1 / 2 + 2 / 3 + 2 / 3) / 4
    assert found["chance"]["pointing"] == pytest.approx(chance)
    assert found["chance"]["r1"] == pytest.approx(chance)
    assert found["chance"]["r5"] == 1
    assert set(found["best_possible"].values()) == {1.0}


def test_types_have_figures_of_their_own_and_a_phrase_may_have_two(tokenizer):
    model = TableModel(tokenizer, STAR_LEFT)
    result = evaluate_grounding(model, tokenizer, four_phrases(), two_photos())
    types = result.figures["types"]
    assert {kind: told["phrases"] for kind, told in types.items()} == {
        "rings": 1,
        "things": 3,
    }
    assert types["things"]["pointing"]["value"] == pytest.approx(2 / 3)
    assert types["rings"]["pointing"]["value"] == 0


def test_intervals_draw_photos_and_not_phrases(tokenizer):
    model = TableModel(tokenizer, STAR_LEFT)
    result = evaluate_grounding(model, tokenizer, four_phrases(), two_photos(), seed=3)
    # Photo 4 has one right of two, photo 7 two of two; minus the center -1 and 0.
    tops, counts = np.array([[1.0, -1.0], [2, 0]]), np.full((2, 2), 2.0)
    ends = interval(bootstrap([(tops, counts)], seed=3)).T.tolist()
    assert result.figures["figures"]["pointing"]["interval"] == ends[0] == [0.5, 1.0]
    assert result.figures["minus_center"]["pointing"]["interval"] == ends[1]
    again = evaluate_grounding(model, tokenizer, four_phrases(), two_photos(), seed=3)
    assert again.figures == result.figures


def test_a_phrase_is_the_maximum_over_its_pieces_and_grounding_accuracy_the_mean(
    tokenizer,
):
    # Maxima 0.9 and 0.8; means 0.45 and 0.6.
    model = TableModel(tokenizer, {"red": [0.9, 0.4, 0], "star": [0, 0.8, 0]})
    red_star = [phrase(4, "red star", LEFT, caption="red star")]
    assert pointing_accuracy(model, tokenizer, red_star, two_photos()) == 1
    both = one_set([(0, (0, 8), LEFT)], captions=["red star"])
    assert grounding_accuracy(model, tokenizer, both)["accuracy"] == 0


def test_boxes_are_merged_or_any_of_them_will_do(tokenizer):
    model = TableModel(tokenizer, STAR_LEFT)
    corners = [0.0, 0.0, 0.1, 0.1], [0.4, 0.9, 0.5, 1.0]
    stars = [phrase(4, "star", *corners)]
    merged = evaluate_grounding(model, tokenizer, stars, two_photos()).figures
    apart = evaluate_grounding(
        model, tokenizer, stars, two_photos(), boxes="separate"
    ).figures
    # Together they are the left half.
    assert merged["figures"]["r1"]["value"] == 1
    assert merged["figures"]["pointing"]["value"] == 1
    assert apart["figures"]["pointing"]["value"] == 0
    assert apart["best_possible"]["pointing"] == 0


def test_the_mean_cosine_of_regions_is_over_pairs_of_one_photo(tokenizer):
    regions = two_photos()
    # Photo 4: one pair, cosine 0.6. Photo 7: cosines 0, 0 and 0.
    regions._regions[0, 1] = [1.2, 1.6, 0]
    model = TableModel(tokenizer, STAR_LEFT)
    figures = evaluate_grounding(model, tokenizer, four_phrases(), regions).figures
    assert figures["region_cosine"]["value"] == pytest.approx(0.3)
    alone = one_set([], boxes=(LEFT, NOTHING, NOTHING)).regions
    alone._mask[0, 1] = False
    one = [phrase(4, "star", LEFT)]
    assert (
        evaluate_grounding(model, tokenizer, one, alone).figures["region_cosine"]
        is None
    )


def test_each_photo_and_caption_is_encoded_once(tokenizer, monkeypatch):
    model = TableModel(tokenizer, STAR_LEFT)
    whole = evaluate_grounding(model, tokenizer, four_phrases() * 3, two_photos())
    assert model.encoded == {"images": 2, "captions": 1}
    monkeypatch.setattr(_phrase_cosines, "IMAGES_PER_BLOCK", 1)
    again = evaluate_grounding(model, tokenizer, four_phrases() * 3, two_photos())
    assert again.figures == whole.figures


def test_phrases_that_the_tokenizer_cuts_off_are_left_out_and_counted(tokenizer):
    short = CaptionTokenizer(tokenizer.vocabulary, max_length=4)
    model = TableModel(short, STAR_LEFT)
    found = evaluate_grounding(model, short, four_phrases(), two_photos())
    assert found.figures["left_out"] == {"cut": 2, "unscored": 0}
    assert (found.figures["phrases"], found.figures["max_length"]) == (2, 4)
    assert [p.phrase for p in found.phrases] == ["star", "star"]
    # A phrase whose last word is cut off is cut off.
    over = phrase(4, "over ring", LEFT)
    with pytest.raises(
        ValueError, match=r"of 1 the tokenizer cut off 1 \(max_length 4\)"
    ):
        evaluate_grounding(model, short, [over], two_photos())


def test_a_character_that_the_tokenizer_drops_cuts_nothing_off(tokenizer):
    model = TableModel(tokenizer, STAR_LEFT)
    ring = phrase(4, "ring\u200b", RIGHT, caption="star over ring\u200b")
    assert pointing_accuracy(model, tokenizer, [ring], two_photos()) == 1


def test_phrases_without_a_scored_word_are_left_out_and_counted(tokenizer):
    class WithoutLastWord(TableModel):
        """As a model with `drop_last_word`."""

        def encode(self, inputs, **settings):
            found = super().encode(inputs, **settings)
            if "word_mask" in found:
                last = found["word_mask"].sum(1)
                found["word_mask"][np.arange(len(last)), last] = False
            return found

    model = WithoutLastWord(tokenizer, STAR_LEFT)
    found = evaluate_grounding(model, tokenizer, four_phrases(), two_photos())
    assert found.figures["left_out"] == {"cut": 0, "unscored": 2}
    assert found.figures["figures"]["pointing"]["value"] == 1


def test_boxes_and_images_that_cannot_be_are_refused(tokenizer):
    model = TableModel(tokenizer, STAR_LEFT)
    with pytest.raises(ValueError, match="boxes='all' must be one of merged, separate"):
        evaluate_grounding(model, tokenizer, four_phrases(), two_photos(), boxes="all")
    with pytest.raises(ValueError, match="seed=-1"):
        evaluate_grounding(model, tokenizer, four_phrases(), two_photos(), seed=-1)
    with pytest.raises(ValueError, match="lack 1 of the 1 images .* first '9.jpg'"):
        pointing_accuracy(model, tokenizer, [phrase(9, "star", LEFT)], two_photos())


def test_cases_are_the_extremes_one_of_each_photo(tokenizer):
    model = TableModel(tokenizer, STAR_LEFT)
    far, near = [0.9, 0.4, 1.0, 0.6], [0.55, 0.5, 0.6, 0.6]
    phrases = [
        phrase(4, "star", [0.0, 0.0, 0.4, 1.0]),
        phrase(4, "ring", far, caption="over star ring"),
        phrase(4, "star", far),
        phrase(7, "star", LEFT, kind="things"),
        phrase(7, "star", near),
    ]
    result = evaluate_grounding(model, tokenizer, phrases, two_photos())
    cases = grounding_cases(result)
    assert [(c.image_id, c.overlap) for c in cases["best"]] == [
        (7, 1),
        (4, pytest.approx(0.4 / 0.5)),
    ]
    # From 0.25 to 0.9 and to 0.55.
    assert [(c.image_id, c.distance) for c in cases["worst"]] == [
        (4, pytest.approx(0.65)),
        (7, pytest.approx(0.3)),
    ]
    assert [len(each) for each in grounding_cases(result, 1).values()] == [1, 1]
    best = cases["best"][0]
    assert best.region_box == tuple(LEFT)
    assert best.heat_map[:, :7].sum() > 0.9
    assert json.loads(json.dumps(best.as_dict())) == {
        "image": "7.jpg",
        "caption": "star over ring",
        "start": 0,
        "end": 4,
        "phrase": "star",
        "type": "things",
        "boxes": [LEFT],
        "image_id": 7,
        "region": 0,
        "region_box": LEFT,
        "point": [0.25, 0.5],
        "heat_point": [0.25, 0.5],
        "pointing": True,
        "overlap": 1.0,
        "distance": 0.0,
    }


# Figures of real phrases, against the reference beside them.


@pytest.mark.seconds
def test_the_figures_equal_those_of_the_reference(shared):
    folder = shared / "entities"
    if not folder.is_dir():
        pytest.skip(f"needs phrases with boxes: no folder {folder}")
    score = runpy.run_path(str(folder / "score.py"))
    records = json.loads((folder / "val.json").read_text())["phrases"]
    phrases = read_phrases(folder / "val.json")
    tokenizer = CaptionTokenizer.train([p.caption for p in phrases], 400)
    regions = PackedRegions(shared / "flickr8k" / "val")
    rng = np.random.default_rng(0)
    words = {token: rng.normal(size=256) / 300 for token in tokenizer.vocabulary}
    model = TableModel(tokenizer, words, dim=256)
    found = evaluate_grounding(model, tokenizer, phrases, regions).figures
    boxes = np.load(shared / "flickr8k" / "val" / "boxes.npy", mmap_mode="r")
    cosines = cosines_of(model, tokenizer, phrases, regions)
    expected = score["figures"](records, boxes, cosines)
    told = {name: 100 * value for name, value in values(found["figures"]).items()}
    assert told["pointing"] == pytest.approx(expected["pointing"], abs=1e-9)
    assert told["heat_map"] == pytest.approx(expected["heat map"], abs=1e-9)
    assert told["r1"] == pytest.approx(expected["IoU"], abs=1e-9)
    # The baselines that its README has.
    assert round(100 * found["center"]["value"], 1) == 58.2
    beside = {
        (kind, name): round(100 * found[kind][name], 1)
        for kind in ("chance", "best_possible")
        for name in ("pointing", "r1")
    }
    assert beside == {
        ("chance", "pointing"): 41.8,
        ("chance", "r1"): 2.7,
        ("best_possible", "pointing"): 94.2,
        ("best_possible", "r1"): 59.1,
    }
