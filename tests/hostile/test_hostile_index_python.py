"""`Index` in Python: hostile input gets one line."""

import numpy as np
import pytest
from support.hostile_indexes import IMAGE, copy, opened
from support.hostile_rows import Row, check_row, parametrize

from keras_teran.search import Index


def call(method, *arguments, **named):
    return lambda _: lambda: getattr(opened(), method)(*arguments, **named)


def added(payloads=None, ids=(500,), **changes):
    return call("add", {**IMAGE, **changes}, list(ids), payloads)


def closed(method, *arguments):
    """A method of an index that was closed, in a copy."""

    def make(folder):
        index = Index.open(copy(folder))
        index.close()
        return lambda: getattr(index, method)(*arguments)

    return make


NAN = np.full((1, 3, 8), np.nan)
PIXELS = np.tile([0.0, 0, 64, 48], (1, 3, 1))
CLOSED = "copy is closed; open it again"
PYTHON = [
    Row("Index.add: NaN regions", added(regions=NAN), "image: regions hold a number"),
    Row("Index.add: 1e39", added(regions=IMAGE["regions"] + 1e39), "NaN or infinite"),
    Row("Index.add: pixel boxes", added(boxes=PIXELS), r"image: box .* outside 0..1"),
    Row(
        "Index.add: no boxes",
        added(boxes=None),
        "images: boxes holds NoneType; give floats",
    ),
    Row(
        "Index.add: width 9",
        added(regions=np.zeros((1, 3, 9))),
        r"received \(1, 3, 9\)",
    ),
    Row("Index.add: two ids", added(ids=[1, 2]), "images holds 1 images, image_ids 2"),
    Row("Index.add: an id twice", added(ids=[7, 7]), "image_ids holds 7 twice"),
    Row("Index.add: id -1", added(ids=[-1]), "id must be an int from 0"),
    Row(
        "Index.add: payload not a dict",
        added([7]),
        "The payload of 500 must be a dict of JSON values; received 7",
    ),
    Row(
        "Index.add: two payloads", added([{}, {}]), "payloads must be a list of 1 dicts"
    ),
    Row(
        "Index.add: payload NaN", added([{"x": np.nan}]), "The payload of 500 holds nan"
    ),
    Row(
        "Index.add: payload a set", added([{"x": {1}}]), "The payload of 500 holds {1}"
    ),
    Row(
        "Index.add: a key that is no text", added([{1: 2}]), "The payload of 500 holds"
    ),
    Row(
        "Index.add: payload boxes", added([{"boxes": 1}]), r"the index writes \['boxes'"
    ),
    Row(
        "Index.update: payload a list",
        call("update", 3, [1]),
        r"The payload of 3 must be a dict of JSON values; received \[1\]",
    ),
    Row(
        "Index.update: lone surrogate",
        call("update", 3, {"x": "\ud800"}),
        r"The payload of 3 holds '\\ud800'; give JSON values",
    ),
    Row("Index.update: bytes", call("update", 3, {"x": b"a"}), "holds b'a'; give JSON"),
    Row(
        "Index.add_captions: a text",
        call("add_captions", "abc", [1, 2, 3]),
        "captions is one string, 'abc'; give a list of captions",
    ),
    Row(
        "Index.add_captions: a number",
        call("add_captions", [7], [1]),
        r"caption 0 must be a str; received 7 \(int\)",
    ),
    Row(
        "Index.add_captions: a set",
        call("add_captions", {"a", "b"}, [1, 2]),
        r"captions must be a list of texts; received \{",
    ),
    Row(
        "Index.add_captions: None",
        call("add_captions", None, [1]),
        "captions must be a list of texts; received None",
    ),
    Row(
        "Index.add_captions: fewer than ids",
        call("add_captions", ["a"], [1, 2]),
        "captions must be a list of 2 str, one an id",
    ),
    Row(
        "Index.delete: a text", call("delete", "12"), "image_ids must be a list of ints"
    ),
    Row(
        "Index.search: exact text",
        call("search", "a", exact="no"),
        "exact must be True",
    ),
    Row("Index.search: top True", call("search", "a", top=True), "top must be an int"),
    Row(
        "Index.search: weights of digits in texts",
        call("search", "a red ring", word_weights=["1", "2", "3"]),
        "word_weights must be 3 numbers, one a word; received",
    ),
    Row(
        "Index.search: weights of bools",
        call("search", "a red ring", word_weights=[True, True, False]),
        "word_weights must be 3 numbers, one a word; received",
    ),
    Row(
        "Index.search: weights text",
        call("search", "a red ring", word_weights="x"),
        "word_weights must be 3 numbers, one a word; received 'x'",
    ),
    Row(
        "Index.search: surrogate",
        call("search", "a \ud800"),
        "half of a surrogate pair",
    ),
    Row("Index after close", closed("__enter__"), CLOSED),
    Row("Index.add after close", closed("add", IMAGE, [500]), CLOSED),
    Row("Index.search after close", closed("search", "a ring"), CLOSED),
    Row("Index.search_captions after close", closed("search_captions", 3), CLOSED),
    Row("Index.get after close", closed("get", 3), CLOSED),
    Row("Index.update after close", closed("update", 3, {}), CLOSED),
    Row("Index.delete after close", closed("delete", [3]), CLOSED),
    Row("Index.verify after close", closed("verify"), CLOSED),
    Row("Index.explain after close", closed("explain", 3, "a ring"), CLOSED),
    Row("Index.counts after close", closed("__getattribute__", "counts"), CLOSED),
]


@pytest.mark.seconds
@parametrize(PYTHON)
def test_python(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)
