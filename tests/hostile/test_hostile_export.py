"""Graph files and inputs that were made to hurt: one line, or a right result."""

import os
import shutil

import numpy as np
import pytest
from support.damaged_exports import MADE, SUFFIX, image_file, make
from support.hostile_graphs import (
    captions,
    custom_op,
    external_data,
    flipped,
    identity,
    regions,
)
from support.hostile_rows import Row, check_row, listing, parametrize
from support.tiny_models import tiny

from keras_teran.export._export import export
from keras_teran.export._runtime import open_exported
from keras_teran.text._tokenizer import CaptionTokenizer

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module", autouse=True)
def made(tmp_path_factory):
    """An export in every format, and a data folder; not to be changed."""
    make(tmp_path_factory)


def lone(name, data):
    """Opens a file of these bytes, in a folder of its own."""

    def build(folder):
        path = folder / "a" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data() if callable(data) else data)
        return lambda: open_exported(path)

    return build


def exported_bytes(format_name):
    return (MADE.export / image_file(format_name)).read_bytes()


def saved_model(damage):
    def build(folder):
        out = shutil.copytree(
            MADE.export / "savedmodel/image_encoder", folder / "model"
        )
        damage(out)
        return lambda: open_exported(out)

    return build


def call(inputs, file=None):
    """Calls an encoder of the export with inputs that are made when they are wanted."""

    def build(folder):
        run = open_exported(MADE.export / (file or image_file()))
        return lambda: run(inputs() if callable(inputs) else inputs)

    return build


def image(**changes):
    """The inputs of an image encoder, some of them changed."""
    return lambda: {
        name: changes[name](value) if name in changes else value
        for name, value in regions().items()
    }


def words(**changes):
    return lambda: captions() | {name: make() for name, make in changes.items()}


CAPTION = "onnx/caption_encoder.onnx"
OPEN = [
    Row(
        "onnx with external data ../../etc/passwd",
        lone("m.onnx", lambda: external_data("../../etc/passwd")),
        "m.onnx is no ONNX file, or one that cannot be run: .*xternal data",
    ),
    Row(
        "onnx with external data /etc/passwd",
        lone("m.onnx", lambda: external_data("/etc/passwd")),
        "m.onnx is no ONNX file, or one that cannot be run: .*xternal data",
    ),
    Row(
        "onnx custom op", lone("m.onnx", custom_op), "m.onnx is no ONNX file, or .*Evil"
    ),
    Row(
        "onnx of double inputs",
        lone("m.onnx", lambda: identity("DOUBLE")),
        r"m.onnx is no exported encoder: its input 'x' is tensor\(double\); encoders",
    ),
    Row(
        "onnx of text inputs",
        lone("m.onnx", lambda: identity("STRING")),
        r"its input 'x' is tensor\(string\)",
    ),
    Row(
        "onnx of float16 inputs",
        lone("m.onnx", lambda: identity("FLOAT16")),
        r"its input 'x' is tensor\(float16\)",
    ),
    Row("onnx of nothing", lone("m.onnx", b""), "m.onnx is no ONNX file"),
    Row("onnx of zeros", lone("m.onnx", bytes(5000)), "m.onnx is no ONNX file"),
    Row(
        "onnx truncated",
        lone("m.onnx", lambda: exported_bytes("onnx")[:-500]),
        "m.onnx is no ONNX file",
    ),
    Row(
        "onnx that is a FIFO",
        lambda f: os.mkfifo(f / "m.onnx") or (lambda: open_exported(f / "m.onnx")),
        "m.onnx is no regular file",
    ),
    Row(
        "onnx that is a folder",
        lambda f: (f / "m.onnx").mkdir() or (lambda: open_exported(f / "m.onnx")),
        "m.onnx is a folder",
    ),
    Row("tflite of nothing", lone("m.tflite", b""), "m.tflite is no LiteRT file"),
    Row(
        "tflite of random bytes",
        lone("m.tflite", lambda: np.random.default_rng(0).bytes(5000)),
        r"m.tflite is no LiteRT file, or a damaged one: its bytes 4 to 8 are b'.*not b'TFL3'",
    ),
    Row(
        "tflite of random bytes after its mark",
        lone(
            "m.tflite", lambda: b"\x1c\0\0\0TFL3" + np.random.default_rng(0).bytes(5000)
        ),
        "m.tflite is no LiteRT file, or a damaged one",
    ),
    Row(
        "tflite truncated",
        lone("m.tflite", lambda: exported_bytes("litert")[:-500]),
        "m.tflite is no LiteRT file, or a damaged one",
    ),
    Row(
        "savedmodel variables missing",
        saved_model(lambda out: shutil.rmtree(out / "variables")),
        "model is no SavedModel, or a damaged one: .*variables",
    ),
    Row(
        "savedmodel of nothing",
        saved_model(lambda out: (out / "saved_model.pb").write_bytes(b"")),
        "model is no SavedModel, or a damaged one",
    ),
    Row(
        "savedmodel of random bytes",
        saved_model(lambda out: (out / "saved_model.pb").write_bytes(os.urandom(999))),
        "model is no SavedModel, or a damaged one",
    ),
    Row(
        "savedmodel an empty folder",
        saved_model(lambda out: (out / "saved_model.pb").unlink()),
        "model is no exported encoder; give a folder with saved_model.pb",
    ),
    Row(
        "call: regions of objects",
        call(image(regions=lambda v: v.astype(object))),
        r"regions is of object; give floats \(float32\)",
    ),
    Row(
        "call: regions of complex numbers",
        call(image(regions=lambda v: v.astype(complex))),
        "regions is of complex128; give floats",
    ),
    Row(
        "call: regions of texts",
        call(image(regions=lambda v: v.astype(str))),
        "regions is of <U32; give floats",
    ),
    Row(
        "call: regions of bools",
        call(image(regions=lambda v: v > 0)),
        "regions is of bool; give floats",
    ),
    Row(
        "call: regions infinite in float32",
        call(image(regions=lambda v: v.astype("float64") * 1e300)),
        "regions holds numbers that are not finite",
    ),
    Row(
        "call: regions of rows of other lengths",
        call(image(regions=lambda v: [[[1.0]], [[1.0, 2.0]]])),
        "regions is no array: ",
    ),
    Row(
        "call: regions of one number",
        call(image(regions=lambda v: 1.0)),
        r"regions has the shape \(\); image_encoder.onnx takes \(any, any, 8\)",
    ),
    Row(
        "call: regions of another rank",
        call(image(regions=lambda v: v[0])),
        r"regions has the shape \(4, 8\)",
    ),
    Row(
        "call: boxes in pixels",
        call(image(boxes=lambda v: v * 640)),
        r"boxes holds \[0.0, 0.0, 640.0, 640.0\], which lies outside 0..1; divide x",
    ),
    Row(
        "call: region_mask of floats",
        call(image(region_mask=lambda v: v * 0.5)),
        r"region_mask is of float64; give bools",
    ),
    Row(
        "call: region_mask of twos",
        call(image(region_mask=lambda v: v * 2)),
        "region_mask holds 2, which is no bool",
    ),
    Row("call: a list", call([1, 2]), "image_encoder.onnx takes a dict of .*a list"),
    Row("call: None", call(None), "image_encoder.onnx takes a dict of .*a NoneType"),
    Row("call: an empty dict", call({}), r"takes the inputs .*, received \[\]"),
    Row(
        "call: a further input",
        call(lambda: regions() | {"pixels": np.zeros(3), 5: 6}),
        r"takes the inputs \['boxes', 'region_mask', 'regions'\], received \['5', ",
    ),
    Row(
        "call: token_ids of texts",
        call(words(token_ids=lambda: np.array([["a"] * 5])), CAPTION),
        "token_ids are <U1; give integers",
    ),
    Row(
        "call: token_ids of objects",
        call(words(token_ids=lambda: np.array([[10**30] * 5])), CAPTION),
        "token_ids are object; give integers",
    ),
    Row(
        "call: token_ids that int32 cannot hold",
        call(words(token_ids=lambda: np.full((1, 5), 2**32 + 5)), CAPTION),
        r"token_ids lie in 4294967301..4294967301, the vocabulary in 0..\d+; tokenise",
    ),
    Row(
        "call: lists of numbers",
        call(lambda: {name: v.tolist() for name, v in regions().items()}),
        "region_embeddings",
        finishes=True,
    ),
    Row(
        "call: a mask of the integers 0 and 1",
        call(words(padding_mask=lambda: np.ones((1, 5), "int64")), CAPTION),
        "word_embeddings",
        finishes=True,
    ),
]


@pytest.mark.slow
@parametrize(OPEN)
def test_open_exported(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("format_name", ["onnx", "litert"])
def test_flipped_bits_are_refused_or_do_no_harm(format_name, seed, tmp_path):
    """Of a lone file; `onnx 60 bits flipped (seed 0)`, 1, 2, and further ones."""
    for bits in (60, 1):
        path = tmp_path / f"e{bits}{SUFFIX[format_name]}"
        path.write_bytes(flipped(exported_bytes(format_name), seed, bits))
        before = listing(tmp_path)
        try:
            found = open_exported(path)(regions())
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert all(np.isfinite(value).all() for value in found.values())
        assert listing(tmp_path) == before


@pytest.mark.slow
def test_weights_that_give_no_numbers_are_told(tmp_path):
    """The converters keep weights as they are, so NaN in them comes out."""
    from keras_teran.export._converters import CONVERTERS, quiet

    encoder = tiny().image_encoder
    encoder(regions())
    encoder.set_weights([np.full_like(w, np.nan) for w in encoder.get_weights()])
    with quiet():
        CONVERTERS["onnx"].convert(encoder, tmp_path / "e.onnx")
    with pytest.raises(ValueError, match="not finite: its weights are damaged"):
        open_exported(tmp_path / "e.onnx")(regions())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tolerance": float("nan")}, "tolerance=nan must be above 0"),
        ({"tolerance": -1.0}, "tolerance=-1.0 must be above 0"),
        ({"tolerance": float("inf")}, "tolerance=inf must be above 0"),
        ({"formats": "onnx"}, "formats='onnx' is one text; give a list"),
        ({"formats": [3]}, "formats: 0 should be a valid string; received 3"),
        ({"formats": ["onnx", "pb"]}, "choose from savedmodel, litert, onnx"),
        ({"variants": "onnx-int8"}, "variants='onnx-int8' is one text"),
        ({"variants": ["onnx-int4"]}, "variants has 'onnx-int4': choose from"),
    ],
)
def test_export_refuses_options_that_mean_nothing(options, says, tmp_path):
    tokenizer = CaptionTokenizer.load(MADE.export)
    with pytest.raises(ValueError, match=says):
        export(tiny(), tokenizer, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
