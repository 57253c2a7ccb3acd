"""`keras-teran index`: hostile input gets one line."""

import json
import shutil

import pytest
from support.hostile_indexes import made
from support.hostile_rows import Row, check_row, parametrize


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


@pytest.mark.seconds
@parametrize(INDEX)
def test_index(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)
