"""Images and captions that are none, on every path that takes one or many."""

import functools

import numpy as np
import pytest
from support.hostile_rows import Row, check_row, parametrize
from support.tiny_models import tiny, tiny_tokenizer

from keras_teran.pipeline._matcher import Matcher
from keras_teran.search import Index

SENTENCE = "a red ring"
GOOD_BOX = [0.1, 0.2, 0.5, 0.9]


@functools.cache
def matcher(dtype="float32"):
    words = tiny_tokenizer(["a red ring", "two stars"])
    return Matcher(tiny(dtype=dtype), words, {"preset": "tiny"})


def images(count=2, **changes):
    """Many images; what is changed is of the last image alone where it can be."""
    generator = np.random.default_rng(0)
    return {
        "regions": generator.standard_normal((count, 3, 8)).astype("float32"),
        "boxes": np.tile(np.float32(GOOD_BOX), (count, 3, 1)),
        "region_mask": np.ones((count, 3), bool),
        **changes,
    }


def spoiled(name, value, at=(-1, 0, 0)):
    """Images of which one number, or one row, of the last is another."""
    found = images()
    found[name] = found[name].astype("float64")
    found[name][at] = value
    return found


def one(found):
    """The last of many images, as a person holds it."""
    return {name: np.asarray(array)[-1] for name, array in found.items()}


def tokens(**changes):
    found = {"token_ids": np.int32([[2, 5, 3], [2, 6, 3]])}
    return {**found, "padding_mask": np.ones((2, 3), bool), **changes}


def encode(inputs, **options):
    return lambda folder: lambda: matcher().encode(inputs, **options)


def encode_in(dtype, inputs):
    return lambda folder: lambda: matcher(dtype).encode(inputs)


def rank(inputs, sentence=SENTENCE):
    return lambda folder: lambda: matcher().rank(inputs, sentence)


def score(image, sentence=SENTENCE):
    return lambda folder: lambda: matcher().score(image, sentence)


def explain(image, sentence=SENTENCE):
    return lambda folder: lambda: matcher().explain(image, sentence)


def similarity(left, right):
    return lambda folder: lambda: matcher().model.similarity(left(), right())


def captions_side():
    return matcher().encode([SENTENCE])


def everywhere(name, many, says):
    """Rows of a fault of the last image: of one and of many, on each path."""
    yield Row(f"rank: {name}", rank(many), says)
    yield Row(f"encode: {name}", encode(many), says)
    yield Row(f"rank, a list: {name}", rank([one(images()), one(many)]), says)
    yield Row(f"encode, a list: {name}", encode([one(images()), one(many)]), says)
    yield Row(f"score: {name}", score(one(many)), says)
    yield Row(f"explain: {name}", explain(one(many)), says)


NAN = "hold a number that is NaN or infinite in float32"
FAULTS = {
    "NaN": (spoiled("regions", np.nan), NAN),
    "infinity": (spoiled("regions", -np.inf), NAN),
    "1e39, beyond float32": (spoiled("regions", 1e39), NAN),
    "pixel boxes": (
        images(boxes=np.tile(np.float32([0, 0, 640, 480]), (2, 3, 1))),
        r"box \(0,\) lies outside 0..1: \[0.0, 0.0, 640.0, 480.0\]; divide x by",
    ),
    "x-y-w-h boxes": (
        images(boxes=np.tile(np.float32([0.6, 0.5, 0.3, 0.2]), (2, 3, 1))),
        "is inverted .*: .*; give x0 y0 x1 y1, not x y width height",
    ),
    "one pixel box": (spoiled("boxes", 640.0, (-1, 1, 2)), r"box \(1,\) lies outside"),
    "a NaN box": (spoiled("boxes", np.nan, (-1, 2)), r"box \(2,\) is not finite"),
    "no region": (
        images(region_mask=np.bool_([[1, 1, 1], [0, 0, 0]])),
        "has no real region: region_mask is all False",
    ),
    "mask of halves": (
        images(region_mask=np.full((2, 3), 0.5)),
        "region_mask holds float64; give bool",
    ),
    "mask of texts": (
        images(region_mask=np.full((2, 3), "False")),
        "region_mask holds <U5; give bool",
    ),
    "mask of another shape": (
        images(region_mask=np.ones((2, 2), bool)),
        r"region_mask \(.*n,?\); received .*\(\d, 2\)",
    ),
    "other width": (images(regions=np.ones((2, 3, 7))), r"regions \(.*n, 8\).*3, 7\)"),
    "three numbers a box": (images(boxes=np.zeros((2, 3, 3))), r"boxes .*n, 4\)"),
    "objects": (images(regions=np.full((2, 3, 8), None)), "regions holds object"),
    "texts": (
        images(regions=np.full((2, 3, 8), "1")),
        "regions holds <U1; give floats",
    ),
    "complex": (images(regions=np.ones((2, 3, 8), complex)), "holds complex128"),
    "bools": (images(regions=np.ones((2, 3, 8), bool)), "regions holds bool"),
    "a mistyped key": (
        images(region_masks=np.ones((2, 3), bool)),
        r"has the (unknown )?keys \[.*'region_masks'",
    ),
}
ROWS = [
    row for name, (many, says) in FAULTS.items() for row in everywhere(name, many, says)
]
ROWS += [
    Row("rank: one NaN image names it", rank(spoiled("regions", np.nan)), "^image 1: "),
    Row("rank: in a list", rank([one(images()), {}]), r"images\[1\] lacks \['boxes'"),
    Row(
        "encode: 70000 under float16",
        encode_in("mixed_float16", spoiled("regions", 70000.0)),
        "^image 1: regions hold a number that is NaN or infinite or beyond float16",
    ),
    Row(
        "encode: finite and too large",
        encode(spoiled("regions", 3e38, (-1,))),
        "^image 1: its embedding is not finite",
    ),
    Row(
        "encode: a masked array",
        encode(images(regions=np.ma.masked_invalid(np.ones((2, 3, 8))))),
        "masked array",
    ),
    Row(
        "encode: ragged lists",
        encode(images(regions=[[[1.0] * 8], [[2.0] * 7]])),
        "regions is a list that is no array of numbers",
    ),
    # A list where one is meant, and one where a list is meant.
    Row(
        "score: a list of sentences",
        score(one(images()), ["a", "b"]),
        "one str; .*list",
    ),
    Row("score: a tuple of one", score(one(images()), ("a",)), "must be one str"),
    Row(
        "score: bytes", score(one(images()), b"a"), "must be one str; received a bytes"
    ),
    Row(
        "score: None",
        score(one(images()), None),
        "must be one str; received a NoneType",
    ),
    Row("rank: a list of sentences", rank(images(), ["a", "b"]), "model.similarity"),
    Row(
        "explain: a list", explain(one(images()), ["a", "b"]), "caption must be one str"
    ),
    Row("score: a list of images", score([one(images())]), "is a list; give one image"),
    Row(
        "score: two images in a dict",
        score(images()),
        r"must be one image: .*\(2, 3, 8",
    ),
    Row("explain: a list of images", explain([one(images())]), "is a list; give one"),
    Row("rank: no image", rank([]), "images is empty; give one image or more"),
    Row(
        "rank: a picture of a model of regions",
        rank(["a.png"]),
        r"images\[0\] is a str",
    ),
    Row("rank: a str", rank("a.png"), "images is a str; this model takes a dict"),
    Row("encode: one string", encode("a red ring"), "captions is one string"),
    Row("encode: a set", encode({"a", "b"}), "a set has no order"),
    Row(
        "encode: captions and images", encode(["a", images()]), r"inputs\[0\] is a str"
    ),
    Row("encode: bytes", encode([b"a"]), r"inputs\[0\] is a bytes"),
    Row("encode: None", encode(None), "inputs is a NoneType"),
    Row("encode: keys of neither", encode({"token_ids": 0}), "inputs has the keys"),
    Row(
        "encode: keys that are no texts", encode({1: 0, "a": 2}), "inputs has the keys"
    ),
    # Batch sizes.
    *(
        Row(
            f"encode: batch_size {size}",
            encode(["a"], batch_size=size),
            "batch_size=.* 1 to",
        )
        for size in (-1, 0, True, 1.5, 10**30, "2", None)
    ),
    Row(
        "encode: images, batch_size -1",
        encode(images(), batch_size=-1),
        "batch_size=-1 mu",
    ),
    # Token ids.
    Row(
        "encode: token ids beyond the table",
        encode(tokens(token_ids=np.int32([[2, 5, 3], [2, 200, 3]]))),
        r"token_ids\[1\] holds 200; the model's vocabulary has the ids 0 to 199",
    ),
    Row(
        "encode: token ids negative",
        encode(tokens(token_ids=np.int32([[2, -1, 3], [2, 5, 3]]))),
        r"token_ids\[0\] holds -1; .* 0 to 199",
    ),
    Row(
        "encode: no captions",
        encode({name: array[:0] for name, array in tokens().items()}),
        r"'word_embeddings': array\(\[\], shape=\(0, 3, 8\)",
        finishes=True,
    ),
    Row("encode: an empty list", encode([]), "inputs hold no captions; give one"),
    Row(
        "encode: no images",
        encode({"regions": np.zeros((0, 2, 8)), "boxes": np.zeros((0, 2, 4))}),
        r"'region_embeddings': array\(\[\], shape=\(0, 2, 8\)",
        finishes=True,
    ),
    Row(
        "encode: token ids 2**40",
        encode(tokens(token_ids=np.full((2, 3), 2**40))),
        "holds 109",
    ),
    Row(
        "encode: token ids floats",
        encode(tokens(token_ids=np.ones((2, 3)))),
        "give integers",
    ),
    Row(
        "encode: token ids bools",
        encode(tokens(token_ids=np.ones((2, 3), bool))),
        "bool; give",
    ),
    Row(
        "encode: token ids flat",
        encode(tokens(token_ids=np.ones(3, int))),
        "must be .captions",
    ),
    Row(
        "encode: ragged ids",
        encode(tokens(token_ids=[[2, 3], [2, 5, 3]])),
        "no array of",
    ),
    Row(
        "encode: no token",
        encode(tokens(padding_mask=np.eye(2, 3) * 0)),
        "caption 0 has no tok",
    ),
    Row(
        "encode: a mask of twos",
        encode(tokens(padding_mask=np.full((2, 3), 2))),
        "padding_mask holds int64; give bool",
    ),
    Row(
        "encode: a mask of another shape",
        encode(tokens(padding_mask=np.ones((3, 2), bool))),
        r"padding_mask must have the shape \(2, 3\); received \(3, 2\)",
    ),
    Row(
        "encode: more tokens than positions",
        encode({n: np.repeat(a, 50, axis=1) for n, a in tokens().items()}),
        r"\(2, 150\) are longer than the 96 positions",
    ),
    # The other side, or none.
    Row(
        "similarity: sides exchanged",
        similarity(captions_side, captions_side),
        "images has the keys .*; give the outputs of encode with region_embeddings",
    ),
    Row(
        "similarity: a list",
        similarity(lambda: [[0.0]], captions_side),
        "images is a list",
    ),
]


@parametrize(ROWS)
def test_an_input_that_is_none_is_one_line(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


def test_padding_never_matters_whatever_it_holds():
    wild = images()
    wild["region_mask"] = np.bool_([[1, 1, 1], [1, 1, 0]])
    clean = {name: array.copy() for name, array in wild.items()}
    for name, value in (("regions", np.nan), ("boxes", 1e30)):
        wild[name][1, 2] = value
    for found in (matcher().encode(wild), matcher().encode([one(images()), one(wild)])):
        assert np.isfinite(found["image_embedding"]).all()
    left, right = matcher().rank(wild, SENTENCE), matcher().rank(clean, SENTENCE)
    np.testing.assert_array_equal(left[1], right[1])
    assert matcher().score(one(wild), SENTENCE) == matcher().score(one(clean), SENTENCE)


def test_padding_of_token_ids_never_matters():
    ids = np.int64([[2, 5, 3, -7], [2, 6, 3, 10**9]])
    mask = np.array([[1, 1, 1, 0]] * 2)
    found = matcher().encode({"token_ids": ids, "padding_mask": mask})
    plain = matcher().encode(tokens())
    words = found["word_embeddings"]
    np.testing.assert_allclose(words[:, :3], plain["word_embeddings"], atol=1e-6)
    assert not words[:, 3].any()
    np.testing.assert_allclose(
        found["caption_embedding"], plain["caption_embedding"], atol=1e-6
    )


def test_one_and_many_images_are_taken_in_each_form_with_one_score():
    many = images(3)
    expected = [matcher().score(one(images(row + 1)), SENTENCE) for row in range(3)]
    each = [{n: a[row] for n, a in many.items()} for row in range(3)]
    fewer = {n: a[:2] for n, a in each[1].items()}
    lists = {name: array.tolist() for name, array in many.items()}
    turned = {name: np.asfortranarray(array) for name, array in many.items()}
    unmasked = {name: many[name] for name in ("regions", "boxes")}
    for form in (many, each, tuple(each), lists, turned, unmasked):
        order, scores = matcher().rank(form, SENTENCE)
        assert sorted(order) == [0, 1, 2]
        np.testing.assert_allclose(scores, np.sort(scores)[::-1])
        found = matcher().encode(form)["region_embeddings"]
        np.testing.assert_allclose(
            found, matcher().encode(many)["region_embeddings"], atol=1e-6
        )
    assert np.isfinite(expected).all()
    # Of a list, each image may have regions of its own number.
    mixed = matcher().encode([each[0], fewer])["region_embeddings"]
    assert mixed.shape == (2, 3, 8) and not mixed[1, 2].any()
    alone = matcher().rank(each[0], SENTENCE)
    assert alone[0].tolist() == [0]
    assert alone[1][0] == pytest.approx(matcher().score(each[0], SENTENCE), abs=1e-6)


def test_encode_checks_a_batch_at_a_time_so_that_a_store_streams():
    """No array of the size of the whole is made: a map of 8 GB takes none."""
    shape = (60_000, 36, 8)
    zero = np.lib.stride_tricks.as_strided(np.zeros(8, "float32"), shape, (0, 0, 4))
    whole = {"regions": zero, "boxes": np.zeros((*shape[:2], 4), "float16")}
    whole["boxes"] = np.lib.stride_tricks.as_strided(
        whole["boxes"], (*shape[:2], 4), (0,) * 3
    )
    from keras_teran.models._image_input import images_for

    found = images_for(matcher().model, whole)
    assert found["regions"] is zero


@pytest.fixture
def index(tmp_path, monkeypatch):
    from support.search_index import build, write_run

    run = write_run(tmp_path / "run")
    with Index.open(build(tmp_path, run, "embedded")[2]) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("name", ["NaN", "pixel boxes", "x-y-w-h boxes", "no region"])
def test_an_index_takes_no_image_that_score_refuses(index, name):
    many, says = FAULTS[name]
    before = index.counts
    with pytest.raises(ValueError, match=says):
        index.add(many, [901, 902])
    with pytest.raises(ValueError, match=says):
        index.search_captions(one(many))
    assert index.counts == before


def test_an_index_takes_a_list_of_images_and_one_sentence(index):
    before = index.counts["images"]
    index.add([one(images()), one(images(1))], [901, 902])
    assert index.counts["images"] == before + 2
    with pytest.raises(
        ValueError, match=r"sentence must be a str; received \['a', 'b'\]"
    ):
        index.search(["a", "b"])
