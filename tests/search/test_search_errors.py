"""What goes wrong with an index, and what a user is told."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from support.paths import ROOT, TESTS
from support.search_index import build, data, write_run

from keras_teran.cli.main import main
from keras_teran.search import Index
from keras_teran.search import _building as building
from keras_teran.search._engines import open_engine
from keras_teran.search.qdrant._edge import EmbeddedEngine


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def built(tmp_path_factory, run):
    folder = tmp_path_factory.mktemp("built")
    return build(folder, run, "embedded")[2]


@pytest.fixture(scope="module")
def index(built):
    with Index.open(built) as index:
        yield index


def killed_build(run, folder, batches):
    command = [
        sys.executable,
        str(TESTS / "support" / "index_program.py"),
        run,
        folder,
        batches,
    ]
    done = subprocess.run(
        list(map(str, command)),
        check=False,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{TESTS}"},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("batches", [0, 2, 4])
def test_a_killed_build_is_refused_and_resuming_writes_only_what_is_missing(
    batches, tmp_path, run, monkeypatch
):
    killed_build(run, tmp_path, batches)
    with pytest.raises(ValueError, match="The build of .* has not ended: go on with"):
        Index.open(tmp_path / "index")
    written = []
    upsert = EmbeddedEngine.upsert

    def counted(self, collection, points):
        written.extend((collection, point.id) for point in points)
        upsert(self, collection, points)

    monkeypatch.setattr(EmbeddedEngine, "upsert", counted)
    monkeypatch.setattr(building, "_BATCH", 5)
    captions, regions = data(tmp_path / "data")
    counts = building.build(run, captions, regions, tmp_path / "index")
    assert counts == {"images": 12, "captions": 24}
    # 12 images and 24 captions in batches of 5: the killed build wrote the first ones.
    kept = {0: 0, 2: 10, 4: 12 + 5}[batches]
    assert len(written) == len(set(written)) == 12 + 24 - kept
    with Index.open(tmp_path / "index") as opened:
        assert len(opened.search("a red ring", top=12)) == 12


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_that_looks_whole(tmp_path, run, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(
            OSError, match=r"is full: 1 MiB are free, 96 MiB are needed"
        ):
            build(tmp_path, run, "embedded")
    with pytest.raises(ValueError, match="has not ended"):
        Index.open(tmp_path / "index")
    build(tmp_path, run, "embedded")
    Index.open(tmp_path / "index").close()


@pytest.mark.seconds
def test_an_index_of_another_model_is_refused(built, tmp_path):
    other = write_run(tmp_path / "other", embedding_dim=16)
    with pytest.raises(ValueError, match="The model of .*other did not make this"):
        Index.open(built, run=other)


@pytest.mark.process
@pytest.mark.seconds
def test_an_embedded_index_is_open_in_one_process_at_a_time(tmp_path, run):
    folder = build(tmp_path, run, "embedded")[2]
    program = f"""
from keras_teran.search import Index
try:
    Index.open({str(folder)!r}).counts
except (OSError, ValueError) as error:
    print(error)
"""
    with Index.open(folder) as index:
        assert index.counts["images"] == 12
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
    said = "cannot be opened: another process has it open; one at a time can.\n"
    assert done.stdout == f"{folder} {said}"
    with Index.open(folder) as again:
        assert again.counts["images"] == 12


@pytest.mark.process
@pytest.mark.slow
def test_an_unfinished_build_is_not_gone_on_with_for_other_data(tmp_path, run):
    killed_build(run, tmp_path, 1)
    captions, regions = data(tmp_path / "data")
    with pytest.raises(ValueError, match="unfinished build that differs in data"):
        building.build(run, captions.select_images([0, 1]), regions, tmp_path / "index")


def test_a_whole_index_and_a_folder_of_something_else_are_left_alone(
    built, tmp_path, run
):
    captions, regions = data(tmp_path / "data")
    with pytest.raises(FileExistsError, match="holds a whole index already"):
        building.build(run, captions, regions, built)
    with pytest.raises(FileExistsError, match="holds something that is no index"):
        building.build(run, captions, regions, tmp_path / "data")


def test_no_index_and_a_damaged_one_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no index in"):
        Index.open(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(ValueError, match=r"index.json is damaged"):
        Index.open(tmp_path)
    (tmp_path / "index.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="has format 99, this release reads 2"):
        Index.open(tmp_path)


def test_unknown_engines_and_dead_servers(tmp_path):
    with pytest.raises(ValueError, match="engine='faiss' is unknown; give 'embedded'"):
        open_engine("faiss", tmp_path)
    with pytest.raises(ConnectionError, match=r"answers at http://127.0.0.1:9 within"):
        open_engine("http://127.0.0.1:9", tmp_path, prefix="p")


@pytest.mark.parametrize(
    "sentence, told",
    [
        ("", "The model knows no word of ''"),
        ("日本", "The model knows no word of '日本'"),
        ("ring " * 10_000, "sentence has 50,000 characters; give at most 20,000"),
        ("ring " * 1_001, "The sentence has 1,001 words; give at most 1,000"),
        (7, r"sentence must be a str; received 7 \(int\)"),
    ],
)
def test_sentences_that_cannot_be_asked(index, sentence, told):
    with pytest.raises(ValueError, match=told):
        index.search(sentence)


@pytest.mark.seconds
@pytest.mark.parametrize(
    "options, told",
    [
        ({"top": 0}, "top must be an int from 1 to 1000; received 0"),
        ({"top": 1001}, "received 1001"),
        ({"candidates": 3}, "candidates must be an int from top=10"),
        ({"where": ["kind"]}, "where must be a dict"),
        ({"where": {'a"b': 1}}, "without quotation marks"),
        ({"where": {"a": 1.5}}, r"where\['a'\] must be a str, int of 64 bits or bool"),
        ({"where": {"a": 2**63}}, "int of 64 bits .* received '9223372036854775808'"),
        ({"where": {"a": [1, "x"]}}, "a list of one kind; received"),
        ({"where": {"a": [1, True]}}, "a list of one kind; received"),
        ({"where": {"a": []}}, r"received '\[\]'"),
        ({"where": {"a": "\ud800"}}, "must be a str, int of 64 bits"),
        ({"where": {"\ud800": 1}}, "give the name of a payload field"),
        ({"where": {"": 1}}, "has the key ''; give the name of a payload field"),
        ({"word_weights": [1]}, r"word_weights has shape \(1,\); give 3"),
        ({"word_weights": [1, -1, 1]}, "must be finite, 0 or more"),
        ({"word_weights": [0, 0, 0]}, "and one above 0"),
        ({"word_weights": [1, np.nan, 1]}, "must be finite"),
    ],
)
def test_options_that_mean_nothing(index, options, told):
    with pytest.raises(ValueError, match=told):
        index.search("a red ring", **options)


def test_images_that_cannot_be_asked(index):
    with pytest.raises(ValueError, match="There is no image 12345 in this index"):
        index.search_captions(12345)
    with pytest.raises(ValueError, match=r"id must be an int from 0 .*'\.\./x'"):
        index.get("../x")
    with pytest.raises(ValueError, match=r"image lacks \['boxes'\]"):
        index.search_captions({"regions": np.zeros((2, 8))})
    with pytest.raises(ValueError, match=r"box \(0,\) lies outside 0..1"):
        index.search_captions(
            {"regions": np.zeros((2, 8)), "boxes": np.full((2, 4), 9)}
        )
    with pytest.raises(ValueError, match=r"regions \(n, 8\)"):
        index.search_captions({"regions": np.zeros((2, 9)), "boxes": np.zeros((2, 4))})


@pytest.mark.seconds
def test_word_weights_need_the_pooling_that_sums_over_words(tmp_path):
    run = write_run(tmp_path / "run", pooling="MwSr")
    with (
        Index.open(build(tmp_path, run, "embedded")[2]) as opened,
        pytest.raises(ValueError, match="of pooling MrSw; this one has MwSr"),
    ):
        opened.search("a red ring", word_weights=[1, 1, 1])


@pytest.mark.parametrize(
    "line, told",
    [
        ("{", "line 2 is not JSON: Expecting property name"),
        ('{"kind": 1}', "line 2: give a JSON object with image_id"),
        ('{"image_id": 1, "x": NaN}', "line 2 holds NaN, which is no number of JSON"),
        ('{"image_id": 1, "boxes": []}', r"line 2: the index writes \['boxes'\]"),
        ('{"image_id": 0}', "line 2: image 0 stands there twice"),
    ],
)
def test_payload_lines_that_are_refused(tmp_path, line, told):
    path = tmp_path / "extra.jsonl"
    path.write_text('{"image_id": 0, "kind": "x"}\n' + line + "\n")
    with pytest.raises(ValueError, match=told):
        building.read_payload(path)


@pytest.mark.seconds
def test_the_commands_build_and_search(tmp_path, run, capsys):
    data(tmp_path / "data")
    out = str(tmp_path / "index")
    command = ["index", str(run), "--regions", str(tmp_path / "data"), "--out", out]
    assert main([*command, "--split", "val"]) == 0
    assert "index: 12 images, 24 captions" in capsys.readouterr().out
    assert main(["search", out, "a red ring", "--top", "2", "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)
    assert len(hits) == 2 and len(hits[0]["words"]) == 3
    assert main(["search", out, "--image", "3", "--where", "image_id=3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    for pairs, told in [
        (["kind"], "where 'kind' has no =; give KEY=VALUE."),
        (["kind=a", "kind=b"], "where has 'kind' twice; give KEY=[VALUE, VALUE]"),
    ]:
        options = [option for pair in pairs for option in ("--where", pair)]
        assert main(["search", out, "a red ring", *options]) == 2
        assert told in capsys.readouterr().err
    assert main(["search", out]) == 2
    assert "Give either a sentence or --image." in capsys.readouterr().err
    assert main([*command, "--engine", "faiss"]) == 2
    assert "engine='faiss' is unknown" in capsys.readouterr().err
