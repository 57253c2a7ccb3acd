"""`keras-teran search`: hostile input gets one line."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.hostile_indexes import copy, made
from support.hostile_rows import Row, check_row, parametrize

from keras_teran.search._index_manifest import write_manifest


def changed(change, seal=False):
    """`search` in a copy whose index.json a function changed; sealed again or not."""

    def make(folder):
        index = copy(folder)
        manifest = json.loads((index / "index.json").read_text())
        change(manifest)
        (index / "index.json").write_text(json.dumps(manifest))
        if seal:
            write_manifest(index, manifest)
        return ["search", index, "a red ring"]

    return make


def without(name):
    return changed(lambda manifest: manifest.pop(name))


def having(**values):
    return changed(lambda manifest: manifest.update(values))


def damaged(pattern, damage, *command):
    """`search` in a copy whose first file of a pattern was damaged."""

    def make(folder):
        index = copy(folder)
        damage(next(path for path in sorted(index.rglob(pattern))))
        return [*(command or ("search",)), index, *([] if command else ["a red ring"])]

    return make


def halved(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def random_bytes(path):
    with open(path, "r+b") as file:
        file.write(np.random.default_rng(0).bytes(4096))


def one_byte(path):
    with open(path, "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 64]))


VECTORS = "images/segments/*/vector_storage-members/vectors/chunk_0.mmap"


def search(*options):
    return lambda _: ["search", made().index, *options]


def image_file(name, write):
    def make(folder):
        path = folder / name
        write(path)
        return ["search", made().index, "--image", path]

    return make


def bomb(path):
    """An .npz of 12 GB of zeros in 12 MB."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("regions.npy", "w", force_zip64=True) as member,
    ):
        block = bytes(2**26)
        for _ in range(12 * 2**30 // 2**26):
            member.write(block)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("boxes.npy", b"")


def npz(**changes):
    arrays = {"regions": np.zeros((3, 8), "f4"), "boxes": np.zeros((3, 4), "f4")}
    return lambda path: np.savez(path, **{**arrays, **changes})


SEARCH = [
    *(
        Row(
            f"index.json without {name}",
            without(name),
            f"index.json is damaged; build the index again. .*{name} is missing",
        )
        for name in (
            *("engine", "model", "run", "widths", "pooling", "padding"),
            *("dim", "prefix", "points", "files", "sha256", "complete"),
        )
    ),
    Row(
        "index.json pooling other (MwSr)",
        having(pooling="MwSr"),
        "index.json is not as it was written: its own hash differs",
    ),
    Row("index.json padding other", having(padding="zero"), "its own hash differs"),
    Row(
        "index.json pooling other, sealed again",
        changed(lambda manifest: manifest.update(pooling="MwSr"), seal=True),
        "index.json says pooling 'MwSr', and its model has 'MrSw'",
    ),
    Row(
        "index.json widths text",
        having(widths={"images": "4", "captions": 9}),
        "widths.images should be a valid integer; received '4'",
    ),
    Row(
        "index.json widths other",
        having(widths={"images": 5, "captions": 9}),
        "its own hash differs",
    ),
    Row("index.json run a number", having(run=7), "run should be a valid string"),
    Row("index.json run null", having(run=None), "run should be a valid string; rec"),
    Row("index.json engine other", having(engine="http://x"), "its own hash differs"),
    Row("index.json engine a path", having(engine="/x"), "engine='/x' is unknown"),
    Row(
        "index.json prefix a path",
        having(prefix="../x"),
        "prefix String should match patt",
    ),
    Row("index.json one key more", having(extra=1), "extra is a key that is not known"),
    Row("index.json dim 0", having(dim=0), "dim should be greater than or equal to 1"),
    Row("index.json files null", having(files=None), "its own hash differs"),
    Row(
        "a segment removed",
        damaged("images/segments/*", shutil.rmtree),
        "copy is damaged: images/segments/.* is missing",
    ),
    Row(
        "a segment more",
        damaged("images/segments/*", lambda p: shutil.copytree(p, p.parent / "other")),
        "copy is damaged: images/segments/other/.* does not belong to it",
    ),
    Row(
        "a file of a segment removed",
        damaged("mutable_id_tracker.mappings", Path.unlink),
        "copy is damaged: .*mutable_id_tracker.mappings is missing",
    ),
    Row(
        "vectors truncated",
        damaged(VECTORS, halved),
        "chunk_0.mmap has 16,777,216 bytes, and had 33,554,432",
    ),
    Row(
        "vectors random bytes",
        damaged(VECTORS, random_bytes),
        "chunk_0.mmap was changed: its hash differs",
    ),
    Row(
        "one bit of a vector",
        damaged(VECTORS, one_byte),
        "chunk_0.mmap was changed: its hash differs",
    ),
    Row(
        "payloads changed",
        damaged("captions/segments/*/payload_storage/page_0.dat", one_byte),
        "page_0.dat was changed: its hash differs",
    ),
    Row(
        "segment.json with another distance",
        damaged(
            "images/segments/*/segment.json",
            lambda p: p.write_text(p.read_text().replace("Dot", "Euclid")),
        ),
        "segment.json was changed: its hash differs",
    ),
    Row(
        "index verify: vectors random bytes",
        damaged(VECTORS, random_bytes, "index", "verify"),
        "chunk_0.mmap was changed: its hash differs",
    ),
    Row("--top 0", search("a ring", "--top", "0"), "top must be an int from 1 to 1000"),
    Row("--top -1", search("a ring", "--top", "-1"), "top must be an int from 1 to"),
    Row("--top 10**9", search("a ring", "--top", "1000000000"), "top must be an int"),
    Row(
        "--candidates 3",
        search("a ring", "--candidates", "3"),
        "candidates must be an int from top=10 to 1,000,000; received 3",
    ),
    Row(
        "--candidates -1 --exact",
        search("a ring", "--candidates", "-1", "--exact"),
        "candidates must be an int from top=10",
    ),
    Row("--where no =", search("a", "--where", "kind"), "where 'kind' has no =; give"),
    Row("--where a fraction", search("a", "--where", "x=1.5"), "must be a str, int of"),
    Row("--where NaN", search("a", "--where", "x=NaN"), "received 'nan'"),
    Row("--where an object", search("a", "--where", 'x={"a":1}'), "must be a str, int"),
    Row(
        "--where two kinds", search("a", "--where", "x=[1,true]"), "a list of one kind"
    ),
    Row("--where no key", search("a", "--where", "=1"), "where has the key ''"),
    Row(
        "--engine of a server",
        search("a", "--engine", "http://127.0.0.1:9"),
        "does not fit .*, whose vectors are in its folder",
    ),
    Row(
        "--image npz: bomb of 12 GB",
        image_file("bomb.npz", bomb),
        "bomb.npz unpacks to 12,884,901,888 bytes, over 4,194,304",
        apart=True,
    ),
    Row(
        "--image npz: 201 regions",
        image_file("x.npz", npz(regions=np.zeros((201, 8), "f4"))),
        r"regions has shape \(201, 8\); give \(n, features\), n from 1 to 200",
    ),
    Row(
        "--image npz: another array",
        image_file("x.npz", npz(bbox=np.zeros(3))),
        "x.npz holds 'bbox'; give the arrays regions, boxes and maybe region_mask",
    ),
    Row(
        "--image npz: whole numbers",
        image_file("x.npz", npz(regions=np.zeros((3, 8), "i4"))),
        "regions must be float16, float32 or float64; received int32",
    ),
    Row(
        "--image npz: NaN",
        image_file("x.npz", npz(regions=np.full((3, 8), np.nan, "f4"))),
        "regions hold a number that is NaN or infinite",
    ),
    Row(
        "--image a text",
        image_file("x.npz", lambda path: path.write_text("no")),
        "x.npz is no .npz file, or a damaged one",
    ),
    Row("--image a folder", search("--image", "/"), "/ is a folder; give a file"),
]


@pytest.mark.slow
@parametrize(SEARCH)
def test_search(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)
