"""`pack` of two files an image, what it resumes, and `data prepare`: hostile input.

Adding a case is adding a `Row`.
"""

import os
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image
from support.hostile_features import (
    BOXES,
    FEATURES,
    IMAGES,
    SIZE,
    asked,
    npz,
    patched,
    write_captions,
    zipped,
)
from support.hostile_rows import Row, check_row, parametrize


def original(change):
    """Two files an image; `change` damages them."""

    def build(folder):
        write_captions(folder)
        for name in ("bu_att", "bu_box"):
            (folder / "orig" / name).mkdir(parents=True)
        for k in range(IMAGES):
            np.savez_compressed(folder / "orig" / "bu_att" / f"{k}.npz", feat=FEATURES)
            np.save(folder / "orig" / "bu_box" / f"{k}.npy", BOXES)
        change(folder / "orig" / "bu_att" / "3.npz", folder / "orig/bu_box/3.npy")
        return asked(folder, "orig")

    return build


def header(shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


ENCRYPTED = patched(npz(feat=FEATURES), 6, 8, 1)


METHOD_97 = patched(npz(feat=FEATURES), 8, 10, 97)


def write(data):
    return lambda features, boxes: features.write_bytes(data)


def fifo(which):
    def change(*paths):
        paths[which].unlink()
        os.mkfifo(paths[which])

    return change


def boxes_of(array):
    return lambda features, boxes: np.save(boxes, array, allow_pickle=True)


def features_of(array):
    return lambda features, boxes: np.savez(features, feat=array)


def bomb():
    return header("(500000000,)"), *[bytes(2**24)] * 120  # 2 GB


def progress(content):
    """What an earlier run left: `content` as its progress.json."""

    def build(folder):
        arguments = original(lambda *paths: None)(folder)
        (folder / "out.partial").mkdir()
        (folder / "out.partial" / "progress.json").write_text(content)
        return arguments

    return build


PLAN = '{"plan": {"images": 5}, "images_done": '

PACK = [
    Row("npz: encrypted flag", original(write(ENCRYPTED)), r"3\.npz is encrypted"),
    Row(
        "npz: unknown compression method 97",
        original(write(METHOD_97)),
        r"3\.npz is packed by method 97",
    ),
    Row(
        "npz: header promises 3.2 TB, no data",
        original(write(zipped(header("(800000000000,)")))),
        r"3\.npz: feat has 0 bytes, which is not its shape",
    ),
    Row(
        "npz: a bomb of 2 GB",
        original(lambda *paths: paths[0].write_bytes(zipped(bomb()))),
        r"3\.npz unpacks to 2,\d+,\d+,\d+ bytes, over",
        apart=True,
    ),
    Row("npz: a FIFO of that name", original(fifo(0)), r"3\.npz is no regular file"),
    Row("npz: features 0-D", original(features_of(FEATURES[0, 0])), r"3\.npz: `feat`"),
    Row("npz: LZMA", original(write(zipped(b"x", zipfile.ZIP_LZMA))), "by method 14"),
    Row(
        "npz: half of the file",
        original(write(npz(feat=FEATURES)[:99])),
        r"3\.npz is no \.npz file, or a damaged one",
    ),
    Row(
        "npy boxes: object dtype",
        original(boxes_of(np.array([None] * 4))),
        r"3\.npy is truncated or no plain \.npy file",
    ),
    Row(
        "npy boxes: text dtype",
        original(boxes_of(np.array([["a"] * 4] * 3))),
        r"3\.npy must hold bools, integers or floats",
    ),
    Row(
        "npy boxes: complex dtype",
        original(boxes_of(BOXES.astype(np.complex64))),
        r"3\.npy must hold bools, integers or floats",
    ),
    Row("npy boxes: bool", original(boxes_of(BOXES > 0)), r"3\.npy must hold numbers"),
    Row("npy boxes: a FIFO", original(fifo(1)), r"3\.npy is no regular file"),
    Row("npy boxes: 0-D", original(boxes_of(np.float32(1))), r"3\.npy must hold numb"),
    Row(
        "boxes: one image relative among pixels",
        original(boxes_of(BOXES / SIZE)),
        r"image 0 reach 200, 100 and look like pixels, those of image 3 .* relative",
    ),
    Row("progress.json: {}", progress("{}"), r"progress\.json: plan is missing"),
    Row("progress.json: a list", progress("[]"), r"progress\.json should be"),
    Row(
        "progress.json: plan null",
        progress('{"plan": null, "images_done": 0}'),
        r"progress\.json: plan should be a valid dictionary",
    ),
    Row(
        "progress.json: images_done a text",
        progress(PLAN + '"3"}'),
        r"progress\.json: images_done should be a valid integer",
    ),
    Row(
        "progress.json: images_done negative",
        progress(PLAN + "-3}"),
        r"progress\.json: images_done should be greater than or equal to 0",
    ),
    Row("progress.json: cut", progress(PLAN), r"progress\.json is not JSON"),
    Row(
        "progress.json: another plan",
        progress(PLAN + "3}"),
        r"unfinished pack of something else: .*'source'.* differ",
    ),
    Row(
        "--split: a path",
        lambda folder: [*original(lambda *p: None)(folder), "--split", "../x"],
        r"--split: '\.\./x' is no name of a split",
    ),
]


@pytest.mark.slow
@parametrize(PACK)
def test_a_hostile_pack_is_refused_in_one_line(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


def photos(*more):
    def build(folder):
        (folder / "pics").mkdir()
        for k in range(12):
            shade = np.full((20, 20, 3), k * 20, np.uint8)
            shade[: k + 1] = 255 - k * 20
            Image.fromarray(shade).save(folder / "pics" / f"{k}.png")
        lines = "".join(f"{k}.png,picture {k}\n" for k in range(12))
        (folder / "c.csv").write_text("image,caption\n" + lines)
        given = ["--captions", folder / "c.csv", "--out", folder / "out"]
        return ["data", "prepare", folder / "pics", *given, *more]

    return build


PREPARE = [
    Row("--threads 0", photos("--threads", 0), "threads=0 must be 1 or more"),
    Row("--threads -1", photos("--threads=-1"), "threads=-1 must be 1 or more"),
    Row(
        "--threads 10^9",
        photos("--threads", 10**9),
        "threads=10{9} must be at most 1,024",
    ),
    Row("--val nan", photos("--val", "nan"), "'nan' is neither a fraction"),
    Row("--val -0.1", photos("--val=-0.1"), "'-0.1' is neither a fraction"),
    Row("--val 1e400", photos("--val", "1e400"), "'1e400' is neither a fraction"),
    Row("--test of 5,000 digits", photos("--test", "9" * 5000), "is neither a fract"),
    Row("--test 500 of 12", photos("--test", 500), "none is left for train"),
]


@parametrize(PREPARE)
def test_a_hostile_number_of_prepare_is_refused(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)
