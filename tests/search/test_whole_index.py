"""An index is what was written: `verify` reads all of it, every hit's vectors count."""

import json
import warnings

import numpy as np
import pytest
from support.search_index import build, engine_name, write_run

from keras_teran.cli.main import main
from keras_teran.search import Index
from keras_teran.search._digests import Digest
from keras_teran.search._schema import IMAGES, DamagedError, Point, check_unit
from keras_teran.search._seals import check_seal, seal
from keras_teran.search.qdrant import _edge as embedded

ENGINES = ("embedded", "cluster")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(params=ENGINES)
def built(request, tmp_path, run, monkeypatch):
    """(folder of an index, its regions), on either engine."""
    return with_sidecar(request.param, tmp_path, run, monkeypatch)


def with_sidecar(kind, folder, run, monkeypatch):
    """(folder of an index, its regions): image 3 has a payload of its own."""
    engine = engine_name(kind, folder, monkeypatch)
    sidecar = folder / "extra.jsonl"
    sidecar.write_text('{"image_id": 3, "share": 0.1234567890123456, "year": 2011.0}')
    _, regions, index = build(
        folder, run, engine, payload=sidecar, tell=lambda note: None
    )
    return index, regions


def manifest(folder):
    return json.loads((folder / "index.json").read_text())


def rewrite(index, image_id, **changes):
    """Changes a stored point behind the index's back."""
    engine = index._engine
    (point,) = engine.retrieve(IMAGES, [image_id], True, True)
    engine.upsert(IMAGES, [Point(**{**vars(point), **changes})])


@pytest.mark.slow
def test_a_whole_index_is_verified_after_every_change(built):
    folder, regions = built
    with Index.open(folder) as index:
        assert index.verify() == {"images": 12, "captions": 24}
        index.add(regions.read([3, 4]), [99, 4], [{"year": 2012.0}, {}])
        index.update(99, {"note": "x", "share": 0.1})
        index.delete([0, 12345], caption_ids=[1])
        index.add_captions(["a red ring"], [777], [{"image_id": 3}])
        assert index.verify() == {"images": 12, "captions": 24}
        written = manifest(folder)["points"]
    with Index.open(folder) as index:
        assert index.verify() == {"images": 12, "captions": 24}
    assert manifest(folder)["points"] == written
    assert main(["index", "verify", str(folder)]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.5, 1.01, 1e30])
def test_a_vector_of_another_length_is_never_scored_as_one(built, scale):
    folder, regions = built
    with Index.open(folder) as index:
        (point,) = index._engine.retrieve(IMAGES, [7], True, True)
        rewrite(index, 7, members=point.members * np.float32(scale))
        for ask in (
            lambda: index.search("a red ring", top=12),
            lambda: index.search("a red ring", top=12, exact=True),
            lambda: index.search_captions(7),
            lambda: index.explain(7, "a red ring"),
            index.verify,
        ):
            with pytest.raises(DamagedError, match="damaged"):
                ask()
        index.add(regions.read([3]), [7])  # what is damaged can be replaced
        assert len(index.search("a red ring", top=12)) == 12


@pytest.mark.seconds
def test_vectors_of_other_images_and_other_payloads_are_found_by_verify(built):
    folder, _ = built
    with Index.open(folder) as index:
        one, two = sorted(index._engine.retrieve(IMAGES, [3, 7], True, True), key=id)
        rewrite(index, one.id, members=two.members, pooled=two.pooled)
        with pytest.raises(DamagedError, match="images are not as they were written"):
            index.verify()
        rewrite(index, one.id, members=one.members, pooled=one.pooled)
        index.verify()
        rewrite(index, 3, payload={**index._image(3, payload=True).payload, "year": 1})
        with pytest.raises(DamagedError, match="images are not as they were written"):
            index.verify()


@pytest.mark.seconds
def test_a_change_that_was_cut_short_is_no_damage(built, capsys):
    folder, regions = built
    index = Index.open(folder)

    def killed(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(index._engine), "upsert", killed)
        with pytest.raises(KeyboardInterrupt):
            index.add(regions.read([3]), [99])
    index._engine.close()  # and not the index: the process is gone
    assert manifest(folder)["points"] is None and manifest(folder)["files"] is None
    with Index.open(folder) as index:
        assert len(index.search("a red ring", top=12)) == 12
    assert main(["index", "verify", str(folder)]) == 0
    assert "12 images, 24 captions, all as they were written" in capsys.readouterr().out
    again = manifest(folder)
    assert again["points"]["images"]["count"] == 12
    assert (again["files"] is None) == (again["engine"] != "embedded")


@pytest.mark.seconds
def test_a_search_leaves_index_json_as_it_is(built):
    folder, _ = built
    before = (folder / "index.json").read_bytes()
    for _ in range(2):
        with Index.open(folder) as index:
            index.search("a red ring")
    assert (folder / "index.json").read_bytes() == before


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_lengths_are_held_to_what_half_precision_can_hold(dtype):
    rows = np.random.default_rng(0).normal(size=(500, 1024))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    check_unit(rows.astype(dtype).astype("float32"), "x")
    check_unit(np.zeros((2, 4)), "x")
    for wrong in (
        rows * 1.005,
        rows * 0.995,
        rows * np.nan,
        rows * np.inf,
        rows * 1e30,
    ):
        with pytest.raises(DamagedError, match="A vector of x is damaged: its length"):
            check_unit(wrong, "x")


def test_the_hash_of_points_does_not_depend_on_their_order_or_on_how_numbers_look():
    row = np.float32([0.6, 0.8])
    one = Point(1, row, row[None], {"a": 1, "b": [0.5, True]})
    two = Point(2, row, -row[None], {})
    there, back, less = Digest("float16"), Digest("float16"), Digest("float16")
    there.add([one, two])
    back.add([two, Point(1, row, row[None], {"b": [0.5, True], "a": 1.0})])
    assert there.kept == back.kept and there.kept["count"] == 2
    back.take_off([two])
    less.add([one])
    assert back.kept == less.kept
    less.take_off([one])
    assert less.kept == {"count": 0, "sha256": "0" * 64}
    for other in (
        Point(3, row, row[None], one.payload),
        Point(1, row, -row[None], one.payload),
        Point(1, row, row[None], {"a": True, "b": [0.5, True]}),
        Point(1, row, row[None], {"a": 1, "b": [True, 0.5]}),
    ):
        digest = Digest("float16")
        digest.add([other])
        assert digest.kept != Digest("float16", less.kept).kept
        assert digest.kept["sha256"] != back.kept["sha256"]


def test_a_hole_and_zeros_are_one_and_a_large_file_is_known_by_its_size(tmp_path):
    path = tmp_path / "images" / "segments" / "a" / "chunk.mmap"
    path.parent.mkdir(parents=True)
    with open(path, "wb") as file:
        file.write(b"x" * 5000)
        file.truncate(2**25)
    sealed = seal(tmp_path)
    name = "images/segments/a/chunk.mmap"
    assert sealed[name]["bytes"] == 2**25 and sealed[name]["sha256"]
    path.write_bytes(b"x" * 5000 + bytes(2**25 - 5000))
    check_seal(tmp_path, sealed)
    path.write_bytes(b"x" * 5001 + bytes(2**25 - 5001))
    with pytest.raises(OSError, match="chunk.mmap was changed: its hash differs"):
        check_seal(tmp_path, sealed)
    path.write_bytes(b"x" * 2**22)
    assert seal(tmp_path)[name] == {"bytes": 2**22, "sha256": None}


def test_a_panic_of_the_engine_is_one_line(tmp_path):
    class PanicException(BaseException):
        pass

    with (
        pytest.raises(
            OSError, match="cannot be read: index out of bounds, the len is 0"
        ),
        embedded._Told(tmp_path, "read"),
    ):
        raise PanicException("index out of bounds,\nthe len is 0")


@pytest.mark.seconds
def test_another_order_of_the_runs_vocabulary_is_refused(tmp_path, capsys):
    run = write_run(tmp_path / "run")
    folder = build(tmp_path, run, "embedded")[2]
    words = (run / "vocab.txt").read_text().split("\n")
    words[-2], words[-3] = words[-3], words[-2]
    (run / "vocab.txt").write_text("\n".join(words))
    for command in (["search", folder, "a ring"], ["index", "verify", folder]):
        assert main(list(map(str, command))) == 2
        assert "did not make this index" in capsys.readouterr().err


# --------------------------------------------------------------- filters


@pytest.fixture(scope="module", params=ENGINES)
def filtered(request, tmp_path_factory, run):
    """An index to search alone, with three images more."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        place = tmp_path_factory.mktemp("filtered")
        folder, regions = with_sidecar(request.param, place, run, patch)
        index = Index.open(folder)
    with index:
        index.add(
            regions.read([1, 2, 3]),
            [50, 51, 52],
            [
                {"year": 2011.0, "flag": True, "kind": "dog", "tags": ["a", "b"]},
                {"year": 2012, "flag": False, "kind": "cat"},
                {"year": [2013.0, 2014], "flag": True, "share": 0.5, "in": {"a": 1}},
            ],
        )
        yield index


@pytest.mark.slow
@pytest.mark.parametrize(
    "where, ids",
    [
        ({"year": 2011}, [3, 50]),
        ({"year": 2011.0}, [3, 50]),
        ({"year": [2011.0, 2012]}, [3, 50, 51]),
        ({"year": 2013}, [52]),
        ({"flag": True}, [50, 52]),
        ({"flag": 1}, []),
        ({"flag": 1.0}, []),
        ({"year": True}, []),
        ({"tags": "b"}, [50]),
    ],
)
@pytest.mark.parametrize("exact", [False, True])
def test_whole_floats_are_integers_and_true_is_not_1(filtered, where, ids, exact):
    hits = filtered.search("a red ring", top=100, where=where, exact=exact)
    assert sorted(hit.id for hit in hits) == ids
    assert bool(hits.note) == (not ids)


@pytest.mark.slow
@pytest.mark.parametrize(
    "where, note",
    [
        ({"yaer": 2011}, "No image has the field 'yaer'; did you mean 'year'?"),
        (
            {"qqq": 1},
            "No image has the field 'qqq'; there are 'caption_ids', 'captions', "
            "'filename', 'flag', 'in', 'kind', 'share', 'tags', 'year'.",
        ),
        ({"year": 1999}, "No image has 'year' = 1999."),
        (
            {"year": "2011"},
            "'year' holds integers, such as 2011; the filter asks for texts: \"2011\".",
        ),
        (
            {"flag": 1},
            "'flag' holds true or false, such as true; the filter asks for integers: 1.",
        ),
        (
            {"share": 1},
            "'share' holds fractions, such as 0.123456789012; the filter asks for "
            "integers: 1.",
        ),
        ({"in": "a"}, "'in' holds objects or lists, which no filter can ask for."),
        ({"kind": ["cow", "ox"]}, 'No image has \'kind\' = "cow" or "ox".'),
        (
            {"year": 2011, "kind": "cat"},
            "No image has all of these at once: 'year' = 2011, 'kind' = \"cat\".",
        ),
    ],
)
def test_an_empty_result_says_why(filtered, where, note):
    hits = filtered.search("a red ring", where=where)
    found = hits.note.replace("0.1234567890123456", "0.123456789012")
    assert hits == [] and found == note


@pytest.mark.seconds
def test_the_command_says_why_and_what_no_filter_can_ask_for(tmp_path, run, capsys):
    path = tmp_path / "extra.jsonl"
    lines = [
        {"image_id": 0, "share": 0.5, "inner": {"a": 1}, "mixed": 1, "year": 2011.0},
        {"image_id": 1, "mixed": "1", "year": 2012.0},
    ]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-16")
    notes = []
    folder = build(tmp_path, run, "embedded", payload=path, tell=notes.append)[2]
    assert notes == [
        "No filter finds all of these fields: 'share' (float), 'inner' (object), "
        "'mixed' (integer, keyword)."
    ]
    asked = ["search", str(folder), "a red ring", "--where"]
    assert main([*asked, "year=2011"]) == 0
    assert capsys.readouterr().out.split()[1] == "0"
    assert main([*asked, "yaer=2011"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "keras-teran: No image has the field 'yaer'; did you mean 'year'?\n"
    )
    assert main([*asked, "yaer=2011", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
