"""Exports whose files are not those of their manifest: `verify`, and opening one."""

import json
import shutil

import numpy as np
import pytest
from support.damaged_exports import (
    MADE,
    SUFFIX,
    artifact,
    content,
    damaged,
    fifo,
    image_file,
    link_out,
    make,
    manifest,
    middle_bit,
    nothing,
    other_files,
    reordered,
    swap_hashes,
    text,
)
from support.hostile_graphs import regions
from support.hostile_rows import Row, check_row, parametrize, status_of

from keras_teran.export._export import FORMATS
from keras_teran.export._manifest import (
    MANIFEST,
    check_files,
    manifest_text,
    read_manifest,
    signed,
)
from keras_teran.export._runtime import open_exported

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def made(tmp_path_factory):
    """An export in every format, and a data folder; not to be changed."""
    make(tmp_path_factory)


def verify(damage, *options):
    build = damaged(damage)

    def command(folder):
        out = build(folder)
        return ["verify", out, "--data", MADE.data, "--no-cost", *options]

    return command


def sized(folder):
    """`verify` with sizes of images that a packed store does not ask for."""
    val = MADE.data / "val"
    given = ["--captions", val / "dataset_val.json", "--regions", val]
    return ["verify", MADE.export, *given, "--sizes", folder / "no", "--no-cost"]


VARIABLES = "savedmodel/image_encoder/variables/variables"
VERIFY = [
    Row(
        "manifest a list", verify(text("[1]")), r"manifest.json should be a valid dict"
    ),
    Row(
        "manifest artifact path absolute",
        verify(artifact("path", "/etc/passwd")),
        r"artifacts.0.path: '/etc/passwd' is no path inside the export's folder",
    ),
    Row(
        "an onnx truncated",
        verify(content(image_file(), lambda b: b[:-100])),
        r"image_encoder.onnx has [\d,]+ bytes, not the [\d,]+ that manifest.json says; "
        "export the model again",
    ),
    Row(
        "savedmodel variables missing",
        verify(lambda out: shutil.rmtree((out / VARIABLES).parent)),
        r"variables\.data-00000-of-00001 is missing, which manifest.json names",
    ),
    Row(
        "manifest hashes of other files (retest)",
        verify(manifest(swap_hashes)),
        r"onnx is not the file that manifest.json names: its SHA-256 differs",
    ),
    Row(
        "the files of another artifact",
        verify(manifest(other_files)),
        r"onnx/aligner.onnx names a file of another: 'onnx/scorer.onnx'",
    ),
    Row(
        "a path that climbs",
        verify(artifact("path", "../../secret.onnx")),
        "is no path inside the export's folder",
    ),
    Row(
        "a path of Windows",
        verify(artifact("path", "C:\\secret.onnx")),
        "is no path inside the export's folder",
    ),
    Row(
        "a file that is a link out",
        verify(link_out),
        "leads out of the export's folder",
    ),
    Row("a file that is a FIFO", verify(fifo(image_file())), "is no regular file"),
    Row("a manifest that is a FIFO", verify(fifo(MANIFEST)), "is no regular file"),
    Row("a manifest of nothing", verify(text("")), "manifest.json is not JSON"),
    Row("a manifest nested deep", verify(text("[" * 100_000)), "nested too deep"),
    Row(
        "a manifest changed by hand",
        verify(manifest(lambda m: m.update(tolerance=0.5), sign=False)),
        "manifest.json was changed after it was written; export the model again",
    ),
    Row(
        "a manifest of the first format",
        verify(
            manifest(lambda m: {k: m[k] for k in m if k != "format_version"}, False)
        ),
        "manifest.json is of an older format, not of format 1; export the model again",
    ),
    Row(
        "a manifest of a later format",
        verify(manifest(lambda m: m.update(format_version=7))),
        "manifest.json is of format 7, not of format 1",
    ),
    Row(
        "a size that is a text",
        verify(artifact("bytes", "many")),
        "artifacts.0.bytes should be a valid integer; received 'many'",
    ),
    Row(
        "a vocabulary size of NaN",
        verify(manifest(lambda m: m["config"].update(vocabulary_size=float("nan")))),
        "manifest.json holds NaN, which is no number of JSON",
    ),
    Row(
        "a model without a vocabulary size",
        verify(manifest(lambda m: m["config"].pop("vocabulary_size") and m)),
        "config.vocabulary_size is missing",
    ),
    Row(
        "a key that is not known",
        verify(manifest(lambda m: m.update(foo=1))),
        "manifest.json: foo is a key that is not known here",
    ),
    Row(
        "a vocab.txt reordered",
        verify(content("vocab.txt", reordered)),
        "vocab.txt is not the file that manifest.json names: its SHA-256 differs",
    ),
    Row(
        "a tokenizer.json changed",
        verify(content("tokenizer.json", lambda b: b.replace(b"true", b"false"))),
        "tokenizer.json is not the file that manifest.json names",
    ),
    *(
        Row(
            f"a bit of a {name} file",
            verify(content(file, middle_bit)),
            f"{file} is not the file that manifest.json names: its SHA-256 differs",
        )
        for name, file in (
            ("SavedModel's", f"{VARIABLES}.data-00000-of-00001"),
            ("LiteRT", image_file("litert")),
            ("ONNX", "onnx/scorer.onnx"),
        )
    ),
    Row("--most-lost nan", verify(nothing, "--most-lost", "nan"), "most_lost=nan must"),
    Row("--most-lost inf", verify(nothing, "--most-lost", "inf"), "most_lost=inf must"),
    Row(
        "--most-lost -1",
        verify(nothing, "--most-lost=-1"),
        "most_lost=-1.0 must be 0 or more",
    ),
    Row(
        "--sizes of packed regions",
        sized,
        "sizes='.*no' would not be read: .*val has relative boxes. Leave it out",
    ),
]


@parametrize(VERIFY)
def test_verify(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


def test_a_whole_export_is_verified_again_and_again(tmp_path, capsys):
    """`verify` marks the manifest, which is then signed anew."""
    command = verify(nothing)(tmp_path)
    for _ in range(2):
        assert status_of(list(map(str, command))) == 0
    marked = read_manifest(tmp_path / "exported")
    assert all(each["good"] for each in marked["artifacts"])
    check_files(tmp_path / "exported", marked)


OPENED = [
    ("a vocab.txt reordered", content("vocab.txt", reordered), "SHA-256 differs"),
    ("a bit of the file", content(image_file(), middle_bit), "SHA-256 differs"),
    ("a truncated file", content(image_file(), lambda b: b[:-1]), "bytes, not the"),
    (
        "a manifest changed by hand",
        manifest(lambda m: m["config"].update(vocabulary_size=9), sign=False),
        "was changed after it was written",
    ),
    ("a manifest a list", text("[]"), "should be a valid dictionary"),
    (
        "a file that the manifest does not name",
        manifest(lambda m: m["artifacts"].pop(-4) and m),
        "is no file that .*manifest.json names; open it elsewhere",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "says"), [o[1:] for o in OPENED], ids=[o[0] for o in OPENED]
)
def test_opening_one_file_of_an_export_finds_it_too(damage, says, tmp_path):
    out = damaged(damage)(tmp_path)
    with pytest.raises(ValueError, match=says) as caught:
        open_exported(out / image_file())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_file_copied_away_from_its_manifest_opens(format_name, tmp_path):
    source = MADE.export / image_file(format_name)
    lone = tmp_path / f"{format_name}" / f"lone{SUFFIX[format_name]}"
    lone.parent.mkdir()
    (shutil.copytree if source.is_dir() else shutil.copy)(source, lone)
    expected = open_exported(source)(regions())
    for name, value in open_exported(lone)(regions()).items():
        np.testing.assert_array_equal(value, expected[name])


def test_a_manifest_that_is_not_an_exports_does_not_bind_a_lone_file(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / MANIFEST).write_text('{"name": "a page"}')
    shutil.copy(MADE.export / image_file(), tmp_path / "models" / "e.onnx")
    assert open_exported(tmp_path / "models" / "e.onnx")(regions())


def test_the_manifests_hash_does_not_hang_on_the_order_of_its_keys(tmp_path):
    out = damaged(nothing)(tmp_path)
    found = json.loads((out / MANIFEST).read_text())
    (out / MANIFEST).write_text(json.dumps(dict(reversed(found.items()))))
    assert read_manifest(out) == found
    assert manifest_text(signed(found)) == manifest_text(found)
