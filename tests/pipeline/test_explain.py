"""Which region a word chose, and that the picture says the same."""

import dataclasses
import re
import warnings
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from keras_teran.pipeline import _figure as painting
from keras_teran.pipeline._explain import Explanation, draw, explain, merge_pieces
from keras_teran.text._tokenizer import CaptionTokenizer

WORDS = ["a", "skate", "##board", "##er", "rides", "red", ".", "don", "'", "t"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]


class FakeModel:
    """Regions and tokens whose embeddings are given, scored as MrSw."""

    pooling = "MrSw"

    def __init__(self, region_embeddings, embedding_of):
        self.region_embeddings = np.array(region_embeddings, "float32")
        self.embedding_of = embedding_of
        self.config = {"image_backbone": None}

    def encode(self, inputs):
        if "regions" in inputs:
            masked = self.region_embeddings * inputs["region_mask"][0][:, None]
            return {"region_embeddings": masked[None]}
        tokens = [VOCABULARY[token] for token in inputs["token_ids"][0]]
        mask = np.array([token not in ("[CLS]", "[SEP]") for token in tokens])
        vectors = [self.embedding_of.get(token, [0, 0, 0]) for token in tokens]
        return {
            "word_embeddings": np.array([vectors], "float32") * mask[None, :, None],
            "word_mask": mask[None],
        }

    def similarity(self, images, captions):
        cells = images["region_embeddings"][0] @ captions["word_embeddings"][0].T
        return cells.max(axis=0).sum()[None, None]


def one_image(regions=3, masked=()):
    region_mask = np.ones(regions, bool)
    region_mask[list(masked)] = False
    corners = np.linspace(0, 0.6, regions)[:, None] * np.ones(2)
    return {
        "regions": np.zeros((regions, 2), "float32"),
        "boxes": np.concatenate([corners, corners + 0.3], axis=1).astype("float32"),
        "region_mask": region_mask,
    }


@pytest.fixture
def tokenizer():
    return CaptionTokenizer(VOCABULARY)


def test_each_word_chooses_the_region_of_its_highest_cosine(tokenizer):
    model = FakeModel(np.eye(3), {"a": [0.1, 0.9, 0.2], "red": [0.0, 0.3, 0.8]})
    found = explain(model, tokenizer, one_image(), "A red")
    assert found.words == ["A", "red"]
    assert found.spans == [(0, 1), (2, 5)]
    assert found.chosen.tolist() == [1, 2]
    np.testing.assert_allclose(found.cosines, [[0.1, 0.0], [0.9, 0.3], [0.2, 0.8]])
    assert found.score == pytest.approx(0.9 + 0.8)
    assert found.pooling == "MrSw"


def test_word_pieces_are_one_word_with_their_mean_cosine(tokenizer):
    pieces = {
        "skate": [0.9, 0.0, 0.1],
        "##board": [0.0, 0.6, 0.0],
        "##er": [0.0, 0.6, 0.2],
        "rides": [0.0, 0.1, 0.5],
    }
    found = explain(
        FakeModel(np.eye(3), pieces), tokenizer, one_image(), "Skateboarder rides"
    )
    assert found.words == ["Skateboarder", "rides"]
    assert found.cosines[:, 0] == pytest.approx([0.9 / 3, 1.2 / 3, 0.3 / 3])
    assert found.chosen.tolist() == [1, 2]


def test_no_word_chooses_a_masked_region_though_all_others_are_dissimilar(tokenizer):
    model = FakeModel(np.eye(3), {"red": [-0.9, 0.5, -0.4]})
    found = explain(model, tokenizer, one_image(masked=[1]), "red")
    assert found.cosines[1, 0] == 0
    assert found.chosen.tolist() == [2]


def test_a_leading_axis_of_one_changes_nothing(tokenizer):
    model = FakeModel(np.eye(3), {"red": [0.1, 0.5, 0.4]})
    inputs = one_image()
    batch = {name: array[None] for name, array in inputs.items()}
    first = explain(model, tokenizer, inputs, "red")
    second = explain(model, tokenizer, batch, "red")
    np.testing.assert_array_equal(first.cosines, second.cosines)
    assert first.boxes.shape == second.boxes.shape == (3, 4)


@pytest.mark.seconds
def test_a_real_model_scores_what_its_explanation_shows(tokenizer):
    from keras_teran.models._teran import build_model

    model = build_model("tiny", vocabulary_size=len(VOCABULARY), region_dim=4)
    inputs = one_image(masked=[0])
    inputs["regions"] = np.random.normal(size=(3, 4)).astype("float32")
    # Masks are at the end in what a store reads.
    inputs = {name: array[::-1] for name, array in inputs.items()}
    found = explain(model, tokenizer, inputs, "a red skate .")
    assert found.words == ["a", "red", "skate", "."]
    real = found.cosines[found.region_mask]
    assert found.score == pytest.approx(real.max(axis=0).sum(), abs=1e-5)
    assert not found.cosines[2].any() and found.cosines[:2].all()


PIECES = {
    "skate": [0.9, 0.0, 0.1],
    "##board": [0.0, 0.6, 0.0],
    "##er": [0.0, 0.6, 0.2],
    "rides": [0.0, 0.1, 0.5],
}


@pytest.fixture
def skater(tokenizer):
    """Three regions: the left half, the right half and, masked, the whole."""
    inputs = one_image(masked=[2])
    boxes = [[0, 0, 0.5, 1], [0.5, 0, 1, 1], [0, 0, 1, 1]]
    inputs["boxes"] = np.array(boxes, "float32")
    return explain(
        FakeModel(np.eye(3), PIECES), tokenizer, inputs, "Skateboarder rides"
    )


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        (0, [0.9, 0.6, 0]),
        (1, [0.0, 0.1, 0]),
        ("RIDES", [0.0, 0.1, 0]),
        ("boarder", [0.0, 0.6, 0]),
        ("skateboarder rides", [0.9, 0.6, 0]),
        ((5, 13), [0.0, 0.6, 0]),
    ],
)
def test_a_phrase_has_the_highest_cosine_of_its_pieces(skater, phrase, expected):
    np.testing.assert_allclose(skater.phrase_cosines(phrase), expected)


def test_a_heat_map_is_that_by_which_grounding_is_measured(skater):
    # Cosines 0.9 and 0.6 of halves: by softmax at 0.05, 1 to exp(-6).
    heat = skater.heat_map(0)
    assert heat.shape == (14, 14)
    np.testing.assert_allclose(heat[:, :7], 1)
    np.testing.assert_allclose(heat[:, 7:], np.exp(-0.3 / 0.05), rtol=1e-5)
    wide = skater.heat_map("Skateboarder", height=3, width=4)
    np.testing.assert_allclose(wide[:, 0], 1)
    assert wide.shape == (3, 4)
    assert (wide[:, 2] < 0.01).all()


@pytest.mark.parametrize(
    ("phrase", "says"),
    [
        ("walks", "phrase='walks' is no part of the caption 'Skateboarder rides'"),
        (" ", "phrase=' ' is no part of the caption"),
        (2, "phrase=2 is no position of a word; the caption has 2, from 0"),
        (-1, "phrase=-1 is no position of a word"),
        (True, "phrase=True must be the position of a word, a part of the caption"),
        (
            (12, 13),
            "none of its words takes part in the score; those that do are Skate",
        ),
    ],
)
def test_a_phrase_that_is_none_is_refused(skater, phrase, says):
    with pytest.raises(ValueError, match=re.escape(says[:30])) as caught:
        skater.heat_map(phrase)
    assert says in str(caught.value)


def test_an_explanation_made_by_hand_has_words_for_pieces(skater):
    made = dataclasses.replace(skater, piece_spans=None, piece_cosines=None)
    # The mean of its three pieces.
    np.testing.assert_allclose(made.phrase_cosines(0), [0.3, 0.4, 0], atol=1e-6)


@pytest.mark.seconds
def test_a_phrases_heat_map_is_drawn_in_place_of_the_cosines(skater):
    dark = np.zeros((60, 60, 3), "uint8")
    cosines = pixels_of(draw(skater, dark))
    heat = pixels_of(draw(skater, dark, phrase="Skateboarder"))
    assert heat.shape == cosines.shape
    half = int(5.8 * painting.DOTS_PER_INCH)
    # The words and the picture with its boxes stay.
    assert (heat[:, :half] == cosines[:, :half]).all()
    middle = heat[len(heat) * 2 // 3, half:].sum(axis=1)
    inside = np.flatnonzero(middle < 3 * 250)
    left, right = np.array_split(middle[inside], 2)
    assert left.mean() > 1.5 * right.mean()
    assert draw(skater, phrase=1).startswith(b"\x89PNG")


def test_only_pieces_that_follow_on_are_joined():
    tokens = ["[CLS]", "don", "'", "t", "skate", "##board", "##er", "##er", "[SEP]"]
    spans = [(0, 0), (0, 3), (3, 4), (4, 5), (6, 11), (11, 16), (16, 18), (20, 22)]
    groups = merge_pieces(tokens, [*spans, (0, 0)], range(1, 8))
    assert groups == [[1], [2], [3], [4, 5, 6], [7]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": None}, r"inputs lacks \['boxes'\]"),
        ({"boxes": np.zeros((2, 4))}, r"must be one image.*\(1, 2, 4\)"),
        ({"region_mask": np.zeros(3, bool)}, "no real region"),
        ({"regions": np.zeros((2, 3, 2))}, "must be one image"),
    ],
)
def test_inputs_that_are_not_one_image_are_refused(tokenizer, change, message):
    inputs = {**one_image(), **change}
    inputs = {name: array for name, array in inputs.items() if array is not None}
    with pytest.raises(ValueError, match=message):
        explain(FakeModel(np.eye(3), {}), tokenizer, inputs, "red")


def test_a_caption_without_a_word_is_refused(tokenizer):
    with pytest.raises(ValueError, match="The model knows no word of ''"):
        explain(FakeModel(np.eye(3), {}), tokenizer, one_image(), "")


def make_explanation(words, regions, chosen):
    cosines = np.full((regions, len(words)), 0.1, "float32")
    cosines[chosen, range(len(words))] = 0.9
    inputs = one_image(regions)
    return Explanation(
        caption=" ".join(words),
        words=list(words),
        spans=[(0, 0)] * len(words),
        boxes=inputs["boxes"],
        region_mask=inputs["region_mask"],
        cosines=cosines,
        chosen=np.array(chosen),
        score=1.0,
    )


def pixels_of(png):
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)


def shares(pixels, colour):
    """Share of pixels of a colour, in the words' strip, the picture, the heat map."""
    wanted = [int(colour[n : n + 2], 16) for n in (1, 3, 5)]
    alike = np.abs(pixels - wanted).max(axis=2) < 4
    strip, half = int(1.0 * painting.DOTS_PER_INCH), int(5.8 * painting.DOTS_PER_INCH)
    return (
        alike[:strip].mean(),
        alike[strip:, :half].mean(),
        alike[strip:, half:].mean(),
    )


@pytest.mark.seconds
@pytest.mark.parametrize("picture", [None, np.full((40, 60, 3), 128, "uint8")])
def test_a_chosen_region_has_its_colour_on_word_box_and_heat_map(picture):
    pixels = pixels_of(draw(make_explanation(["red", "dog"], 4, [1, 3]), picture))
    for colour in painting.COLOURS[:2]:
        assert all(share > 0 for share in shares(pixels, colour))
    for colour in painting.COLOURS[2:]:
        assert shares(pixels, colour)[:2] == (0, 0)


def test_a_box_is_drawn_where_it_stands_in_the_picture():
    explanation = make_explanation(["red"], 1, [0])
    explanation.boxes[0] = [0.5, 0.1, 0.9, 0.2]
    pixels = pixels_of(draw(explanation, np.zeros((100, 100, 3), "uint8")))
    black = np.argwhere(pixels.max(axis=2) == 0)
    top, left = black.min(axis=0)
    height, width = black.max(axis=0) - black.min(axis=0)
    wanted = [int(painting.COLOURS[0][n : n + 2], 16) for n in (1, 3, 5)]
    coloured = np.abs(pixels - wanted).max(axis=2) < 4
    inside = coloured[top : top + height, left : left + width]
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    assert columns.min() / width == pytest.approx(0.5, abs=0.02)
    assert columns.max() / width == pytest.approx(0.9, abs=0.02)
    assert rows.min() / height == pytest.approx(0.1, abs=0.02)
    # The number's tag is higher than this flat box and hangs below it.
    assert 0.19 < rows.max() / height < 0.3


@pytest.mark.seconds
def test_the_picture_grows_with_the_lines_of_a_long_caption():
    short = pixels_of(draw(make_explanation(["word"] * 3, 2, [0] * 3)))
    long = pixels_of(draw(make_explanation(["word"] * 60, 2, [0] * 60)))
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0]


def test_text_is_drawn_as_it_is_and_not_as_a_formula():
    words = ["$\\frac$", "$5$", "a_b", "$", "<b>", "%"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(make_explanation(words, 2, [0] * 6))


def test_over_36_regions_the_heat_map_keeps_the_chosen_and_the_most_alike():
    explanation = make_explanation(["a"], 50, [49])
    explanation.cosines[5, 0] = 0.5
    rows = painting.heat_map_rows(explanation, most=3)
    assert rows == [0, 5, 49]
    assert painting.heat_map_rows(make_explanation(["a"], 3, [1])) == [0, 1, 2]


def test_a_picture_file_is_read_and_the_png_written(tmp_path):
    source, target = tmp_path / "dog.jpg", tmp_path / "out.png"
    Image.new("L", (50, 30), 7).save(source)
    png = draw(make_explanation(["dog"], 2, [1]), source, target)
    assert target.read_bytes() == png
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["dog.jpg", "out.png"]


def test_a_picture_that_cannot_be_shown_is_refused(tmp_path):
    explanation = make_explanation(["dog"], 2, [1])
    with pytest.raises(ValueError, match=r"uint8 \(height, width, 3\).*float64"):
        draw(explanation, np.zeros((4, 4, 3)))
    with pytest.raises(FileNotFoundError, match="gone.jpg does not exist"):
        draw(explanation, tmp_path / "gone.jpg")
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    with pytest.raises(ValueError, match="text.jpg is not an image file"):
        draw(explanation, text)


@pytest.mark.process
@pytest.mark.seconds
def test_drawing_leaves_pyplot_alone():
    import subprocess
    import sys

    program = (
        "import sys, numpy as np; from types import SimpleNamespace as N\n"
        "from keras_teran.pipeline._figure import draw\n"
        "draw(N(words=['a'], boxes=np.array([[0, 0, 1, 1]]), region_mask=np.array([True]),"
        " cosines=np.ones((1, 1)), chosen=np.array([0]), score=1.0, pooling='MrSw'))\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
