"""Extractors: files, options and folders that no regions can come of, one line each."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from support.colour_files import write_litert, write_onnx, write_pictures
from support.hostile_graphs import custom_op, external_data, onnx_model
from support.hostile_rows import Row, check_row, parametrize

from keras_teran.extract._opening import open_extractor, reopen_extractor
from keras_teran.vision._patches import as_maps

MADE = SimpleNamespace()


@pytest.fixture(scope="module", autouse=True)
def made(tmp_path_factory):
    """Pictures and the bytes of networks; not to be changed."""
    root = tmp_path_factory.mktemp("hostile_extractors")
    MADE.pictures = write_pictures(root / "pictures", 2)
    MADE.onnx = write_onnx(root / "colours.onnx")
    MADE.open = write_onnx(root / "open.onnx", side="side", inner=False)
    MADE.litert = write_litert(root / "colours.tflite")


def command(*options, source=None):
    """`keras-teran regions` on a network that is whole."""

    def build(folder):
        chosen = ["--extractor", source or MADE.onnx, "--out", folder / "out" / "store"]
        tensor = [] if source else ["--tensor", "map"]
        return ["regions", MADE.pictures, *chosen, *tensor, *options]

    return build


def of_file(name, data, *options):
    """`keras-teran regions` with a file of these bytes."""

    def build(folder):
        path = folder / name
        path.write_bytes(data() if callable(data) else data)
        return command(*options, source=path)(folder)

    return build


def of_folder(fill):
    def build(folder):
        (folder / "model").mkdir()
        fill(folder / "model")
        return command(source=folder / "model")(folder)

    return build


def opened(**options):
    return lambda folder: lambda: open_extractor(MADE.onnx, tensor="map", **options)


def two_inputs():
    from onnx import helper

    return onnx_model(helper.make_node("Add", ["x", "x1"], ["y"]), inputs=2)


ROWS = [
    Row(
        "--grid 100000",
        command("--grid", 100000),
        r"grid \[100000\] makes 10,000,000,000 regions of a picture; at most 10,000",
    ),
    Row(
        "--threads 1025",
        command("--threads", 1025),
        "threads=1025 must be at most 1,024",
    ),
    Row(
        "--split without captions",
        command("--split", "test"),
        "split='test' is one of captions: give them too, or leave it out",
    ),
    Row(
        "--grid 101",
        command("--grid", 101),
        r"grid \[101\] makes 10,201 regions of a picture; at most 10,000",
    ),
    Row(
        "--grid of many",
        command("--grid", *range(1, 200)),
        "grid a list of 199 makes 2,646,700 regions",
    ),
    Row(
        "--size 8000",
        lambda f: command("--size", 8000, source=MADE.open)(f),
        "extractor: size should be less than or equal to 2048; received 8000",
    ),
    Row(
        "--size 2049",
        lambda f: command("--size", 2049, source=MADE.open)(f),
        "extractor: size should be less than or equal to 2048; received 2049",
    ),
    Row("--mean nan", command("--mean", "nan"), "extractor: mean.0 .*; received nan"),
    Row(
        "--mean inf",
        command("--mean", "1", "inf", "1"),
        "mean.1 should be .*; received inf",
    ),
    Row("--std 0", command("--std", "0"), "std.0 should be .* 0.000001; received 0.0"),
    Row("--std -1", command("--std=-1"), "std.0 should be .* 0.000001; received -1.0"),
    Row(
        "--std 1e-320",
        command("--std", "1e-320"),
        "std.0 should be greater than or equal to 0.000001",
    ),
    Row(
        "--batch-size 1000000",
        command("--batch-size", 1000000),
        "--batch-size 1000000: at most 1024 pictures are held together",
    ),
    Row(
        "onnx empty",
        of_file("m.onnx", b""),
        "m.onnx is no ONNX file, or one that cannot",
    ),
    Row(
        "onnx: customop", of_file("m.onnx", custom_op), "m.onnx is no ONNX file, .*Evil"
    ),
    Row(
        "onnx truncated",
        of_file("m.onnx", lambda: MADE.onnx.read_bytes()[:-40]),
        "m.onnx is no ONNX file, or one that cannot be run",
    ),
    Row(
        "onnx of text",
        of_file("m.onnx", b"a page that says: not found"),
        "m.onnx is no ONNX file, or one that cannot be run",
    ),
    Row(
        "onnx: external data",
        of_file("m.onnx", lambda: external_data("../../etc/passwd")),
        "m.onnx is no ONNX file, or one that cannot be run",
    ),
    Row(
        "onnx: two inputs",
        of_file("m.onnx", two_inputs),
        "m.onnx has 2 inputs; an extractor takes pictures alone",
    ),
    Row(
        "tflite empty",
        of_file("m.tflite", b""),
        "m.tflite is no LiteRT file, or a damaged one",
    ),
    Row(
        "tflite of random bytes",
        of_file("m.tflite", lambda: np.random.default_rng(0).bytes(5000)),
        "m.tflite is no LiteRT file, or a damaged one: its bytes 4 to 8",
    ),
    Row(
        "tflite of random bytes after its mark",
        of_file(
            "m.tflite", lambda: b"\x1c\0\0\0TFL3" + np.random.default_rng(0).bytes(99)
        ),
        "m.tflite is no LiteRT file, or a damaged one",
    ),
    Row(
        "tflite truncated",
        of_file("m.tflite", lambda: MADE.litert.read_bytes()[:-300]),
        "m.tflite is no LiteRT file, or a damaged one",
    ),
    Row(
        "a folder of nothing",
        of_folder(lambda folder: None),
        "model' cannot be loaded: .*Give a .tflite or .onnx file",
    ),
    Row(
        "a SavedModel of nothing",
        of_folder(lambda folder: (folder / "saved_model.pb").write_bytes(b"")),
        "model' cannot be loaded: .*Give a .tflite or .onnx file",
    ),
    Row("size a bool", opened(size=True), "extractor: size should be a valid integer"),
    Row("size negative", opened(size=-5), "size should be greater than or equal to 1"),
    Row(
        "size a float", opened(size=224.5), "extractor: size should be a valid integer"
    ),
    Row("grid a number", opened(grid=3), "extractor: grid should be a valid list"),
    Row("grid of 0", opened(grid=[0]), "grid must name sizes of at least 1"),
    Row("grid of nothing", opened(grid=[]), "grid must name sizes of at least 1"),
    Row("grid of texts", opened(grid=["3"]), "grid.0 should be a valid integer"),
    Row("merge of 0", opened(merge=0), "merge must be at least 1; received 0"),
    Row("mean of texts", opened(mean=["a"]), "mean.0 should be a valid number"),
    Row(
        "std of zeros",
        opened(std=[1.0, 0.0, 1.0]),
        "std.1 should be greater than or equal to 0.000001",
    ),
    Row(
        "an option that is none",
        opened(gird=[3]),
        "gird is a key that is not known here",
    ),
]


@pytest.mark.seconds
@parametrize(ROWS)
def test_regions(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "extractor.json: opened_as is missing"),
        ("[]", "extractor.json should be a valid dictionary"),
        ("[" * 100_000, "extractor.json: lists or objects are nested too deep"),
        (
            {"opened_as": {"source": 3, "options": {}}, "identity": {}},
            "opened_as.source should be a valid string; received 3",
        ),
        (
            {
                "opened_as": {"source": "m.onnx", "options": {"size": 9999}},
                "identity": {},
            },
            "opened_as.options.size should be less than or equal to 2048",
        ),
        (
            {"opened_as": {"source": "m.onnx", "options": {"foo": 1}}, "identity": {}},
            "opened_as.options.foo is a key that is not known here",
        ),
        (
            {"opened_as": {"source": "m.onnx", "options": {}}, "identity": []},
            "identity should be a valid dictionary",
        ),
    ],
)
def test_what_a_store_says_of_its_extractor_is_checked(content, says, tmp_path):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "extractor.json").write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        reopen_extractor(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (np.zeros((1, 0, 0, 3)), r"t has the shape \(1, 0, 0, 3\), a map of nothing"),
        (np.full((1, 2, 2, 3), np.nan), "t holds numbers that are not finite"),
        (np.full((1, 5, 3), np.inf), "t holds numbers that are not finite"),
        (np.zeros((1, 3)), r"t has the shape \(1, 3\); regions need a grid"),
    ],
)
def test_features_that_are_no_map_are_refused(features, says):
    with pytest.raises(ValueError, match=says):
        as_maps(features, "t")
