"""The index, its commands and its service: hostile input gets one line.

A row is an input and what is said of it; see `hostile_rows`.
"""

import functools
import json
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hostile_rows import Row, check_row, parametrize
from search_index import build, write_run

from keras_teran.search import Index
from keras_teran.search.manifest import write_manifest
from keras_teran.search.shards import plan_shards

IMAGE = {"regions": np.zeros((1, 3, 8)), "boxes": np.tile([0.0, 0, 1, 1], (1, 3, 1))}


@functools.cache
def made():
    """A run, its data and an index of it, made once."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-search-"))
    run = write_run(folder / "run")
    _, regions, index = build(folder, run, "embedded")
    plan_shards(run, regions, folder / "shards", 5)
    return SimpleNamespace(run=run, data=folder / "data", index=index, top=folder)


@pytest.fixture(scope="module", autouse=True)
def removed():
    yield
    opened.cache_clear()
    shutil.rmtree(made().top)


@functools.cache
def opened():
    return Index.open(made().index)


def copy(folder):
    """A copy of the index, its holes kept."""
    target = folder / "copy"
    subprocess.run(["cp", "-r", "--sparse=always", made().index, target], check=True)
    return target


# ------------------------------------------------------------------ `index`


def index_command(folder, *options):
    data = ["--regions", made().data, "--split", "val"]
    return ["index", made().run, *data, "--out", folder / "out", *options]


def payload(*lines):
    """`index` with a payload file of these lines."""

    def make(folder):
        path = folder / "payload.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8")
        return index_command(folder, "--payload", path)

    return make


def options(*given):
    return lambda folder: index_command(folder, *given)


def begun(content):
    """`index` into a folder whose index.json holds this."""

    def make(folder):
        (folder / "out").mkdir()
        (folder / "out" / "index.json").write_text(content)
        return index_command(folder)

    return make


def planned(**changes):
    """`index --encoded` with a changed shards.json; None removes a key."""

    def make(folder):
        shards = folder / "shards"
        shutil.copytree(made().top / "shards", shards)
        plan = json.loads((shards / "shards.json").read_text()) | changes
        plan = {name: value for name, value in plan.items() if value is not None}
        (shards / "shards.json").write_text(json.dumps(plan))
        return ["index", made().run, "--encoded", shards, "--out", folder / "out"]

    return make


INDEX = [
    Row(
        "payload: deep",
        payload('{"image_id": 1, "x": ' + "[" * 100_000),
        "payload.jsonl, line 1: lists or objects are nested too deep",
    ),
    Row(
        "payload: 40 deep",
        payload("{}"[:0] + '{"image_id": 1, "x": ' + "[" * 40 + "]" * 40 + "}"),
        "line 1: lists or objects are nested over 32 deep",
    ),
    Row(
        "payload: an unknown image",
        payload('{"image_id": 0}', '{"image_id": 77}'),
        "line 2: image 77 is not among the images to index; remove the line",
    ),
    Row(
        "payload: NaN",
        payload('{"image_id": 1, "x": NaN}'),
        "line 1 holds NaN, which is no number of JSON",
    ),
    Row(
        "payload: 1e400",
        payload('{"image_id": 1, "x": 1e400}'),
        "line 1: the number 1e400 is too large",
    ),
    Row(
        "payload: a key twice",
        payload('{"image_id": 1, "x": 1, "x": 2}'),
        "line 1: the key 'x' occurs twice in one object",
    ),
    Row(
        "payload: lone surrogate",
        payload(r'{"image_id": 1, "x": "\ud800"}'),
        "line 1 holds half of a surrogate pair",
    ),
    Row(
        "payload: a list a line",
        payload("[1]"),
        r"line 1: give a JSON object with image_id; received \[1\]",
    ),
    Row(
        "payload: image_id a fraction",
        payload('{"image_id": 1.5}'),
        "line 1: image_id: id must be an int from 0",
    ),
    Row(
        "payload: an integer of 70 bits",
        payload(f'{{"image_id": 1, "x": {2**70}}}'),
        f"line 1 holds {2**70}; give JSON values",
    ),
    Row("payload: a folder", options("--payload", "/"), "/ is a folder; give a file"),
    Row(
        "--shards -1 embedded",
        options("--shards", "-1"),
        "--shards must be 1 or more; received -1",
    ),
    Row(
        "--shards 3 embedded",
        options("--shards", "3"),
        "--shards is of a Qdrant server, and the engine is embedded",
    ),
    Row("--replicas 0", options("--replicas", "0"), "--replicas must be 1 or more"),
    Row("--quantize embedded", options("--quantize"), "--quantize is of a Qdrant serv"),
    Row("--on-disk embedded", options("--on-disk"), "--on-disk is of a Qdrant server"),
    Row(
        "--regions-per-image 0",
        options("--regions-per-image", "0"),
        "regions_per_image must be an int of 1 or more",
    ),
    Row(
        "--engine with a user",
        options("--engine", "http://127.0.0.1:6333@elsewhere"),
        "engine='http://127.0.0.1:6333@elsewhere' is unknown",
    ),
    Row("--engine port 70000", options("--engine", "http://a:70000"), "is unknown"),
    Row(
        "index.json: format only",
        begun('{"format": 2}'),
        "index.json is damaged; build the index again. .*complete is missing",
    ),
    Row("index.json: of before", begun('{"format": 1}'), "has format 1, this release"),
    Row("index.json: a list", begun("[]"), "index.json is damaged; build the index"),
    Row("index.json: format true", begun('{"format": true}'), "has format True"),
    Row(
        "shards.json: images_a_shard 0",
        planned(images_a_shard=0),
        "shards.json is damaged.*images_a_shard should be greater than or equal to 1; received 0",
    ),
    Row("shards.json: images text", planned(images="12"), "images should be a valid"),
    Row("shards.json without model", planned(model=None), "model is missing"),
    Row("shards.json: images -1", planned(images=-1), "images should be greater than"),
    Row(
        "shards.json: a billion", planned(images=10**18), "lacks 200,000,000,000,000,0"
    ),
    Row("no --out", lambda _: ["index", made().run], "Give --out INDEX"),
    Row(
        "index of two folders",
        lambda folder: ["index", made().run, folder],
        "Give `keras-teran index RUN --out INDEX`, or `keras-teran index verify INDEX`",
    ),
]


@parametrize(INDEX)
def test_index(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


# ------------------------------------------------------------------ `search`


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


@parametrize(SEARCH)
def test_search(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


# ------------------------------------------------------------------ Python


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
    Row(
        "Index.add: NaN regions", added(regions=NAN), "Image 500: regions hold a numbe"
    ),
    Row("Index.add: 1e39", added(regions=IMAGE["regions"] + 1e39), "NaN or infinite"),
    Row(
        "Index.add: pixel boxes", added(boxes=PIXELS), r"Image 500: box .* outside 0..1"
    ),
    Row("Index.add: no boxes", added(boxes=None), "images must be a dict of arrays"),
    Row(
        "Index.add: width 9", added(regions=np.zeros((1, 3, 9))), "Image 500 must be on"
    ),
    Row("Index.add: two ids", added(ids=[1, 2]), "a dict of arrays of 2 images"),
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
        "captions must be a list of 3 str, one an id; received 'abc'",
    ),
    Row(
        "Index.add_captions: a number",
        call("add_captions", [7], [1]),
        r"captions\[0\] must be a str; received int",
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


@parametrize(PYTHON)
def test_python(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)
