"""`keras-teran regions`: a store from a folder of pictures, whatever happens to it."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from support.colour_files import write_onnx, write_pictures

from keras_teran.cli.main import main
from keras_teran.data._packed_store import PackedRegions
from keras_teran.data._picture_list import list_pictures
from keras_teran.extract import _storing as storing
from keras_teran.extract._opening import open_extractor, reopen_extractor
from keras_teran.extract._storing import store_regions

IMAGES = 11


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_onnx(tmp_path_factory.mktemp("network") / "colours.onnx")


@pytest.fixture
def folder(tmp_path):
    return write_pictures(tmp_path / "pictures", IMAGES)


def command(folder, network, out, *options):
    extractor = ["--extractor", str(network), "--tensor", "map", "--grid", "1"]
    return main(
        ["regions", str(folder), *extractor, "--out", str(out), *map(str, options)]
    )


def greys(store):
    """The mean of each image's first region, in steps of the pictures' greys."""
    features = store.read(store.image_ids)["regions"]
    return np.round(features[:, 0, 0] * 255 / 10, 1).tolist()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_store_holds_each_picture_by_its_number(folder, network, tmp_path, capsys):
    (folder / "notes.txt").write_text("no picture")
    assert command(folder, network, tmp_path / "out", "--batch-size", 4) == 0
    store = PackedRegions(tmp_path / "out")
    store.check(store.image_ids)
    assert store.image_ids.tolist() == list(range(IMAGES))
    np.testing.assert_allclose(greys(store), range(IMAGES), atol=0.1)
    names = json.loads((tmp_path / "out" / "pictures.json").read_text())
    assert names == [f"{n:03}.png" for n in range(IMAGES)]
    printed = capsys.readouterr()
    assert "11 of 11 images, up to 1 regions of 3 each" in printed.out
    assert "1 files are no pictures by their name and left aside" in printed.err
    assert "notes.txt" in printed.err
    assert "11/11" not in printed.err  # no terminal, no bar
    assert sorted(contents(tmp_path / "out")) == [
        *("bad.json", "boxes.npy", "extractor.json", "ids.npy", "packed.json"),
        "pictures.json",
        "regions.float16.npy",
    ]


def test_captions_say_which_pictures_and_under_which_ids(folder, network, tmp_path):
    images = [
        {"filename": f"{n:03}.png", "split": split, "cocoid": 100 + n}
        for n, split in ((5, "train"), (2, "val"), (8, "train"))
    ]
    for number, image in enumerate(images):
        image["sentences"] = [{"raw": "grey", "sentid": number}]
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps({"images": images}))
    for split, ids in (((), [105, 102, 108]), (("--split", "val"), [102])):
        out = tmp_path / f"out{len(ids)}"
        assert command(folder, network, out, "--captions", captions, *split) == 0
        store = PackedRegions(out)
        assert store.image_ids.tolist() == ids
        np.testing.assert_allclose(greys(store), np.array(ids) - 100, atol=0.1)


def test_bad_pictures_are_listed_and_the_others_stored(network, tmp_path, capsys):
    folder = write_pictures(tmp_path / "pictures", IMAGES, bad=(0, 4, 10))
    (folder / "004.png").write_bytes(b"")
    good = [1, 2, 3, 5, 6, 7, 8, 9]
    assert command(folder, network, tmp_path / "out", "--batch-size", 3) == 2
    error = capsys.readouterr().err
    for number, fault in ((0, "truncated"), (4, "is empty: 0 bytes"), (10, "trunc")):
        (line,) = [
            x for x in error.splitlines() if f"left out: {folder}/{number:03}" in x
        ]
        assert fault in line
    assert "3 of 11 pictures cannot be used and are not in" in error
    assert "--skip-bad" in error.splitlines()[-1]
    store = PackedRegions(tmp_path / "out")
    assert store.image_ids.tolist() == good
    np.testing.assert_allclose(greys(store), good, atol=0.1)
    listed = json.loads((tmp_path / "out" / "bad.json").read_text())
    assert [name for name, _ in listed] == ["000.png", "004.png", "010.png"]

    options = ("--batch-size", 3, "--skip-bad")
    assert command(folder, network, tmp_path / "skipped", *options) == 0
    assert "left out" in capsys.readouterr().err
    assert contents(tmp_path / "skipped") == contents(tmp_path / "out")


def test_a_missing_picture_is_a_bad_one(folder, network, tmp_path, capsys):
    sentences = [{"raw": "grey", "sentid": 0}]
    images = [
        {"filename": name, "split": "val", "imgid": n, "sentences": [s]}
        for n, name in enumerate(("003.png", "gone.png"))
        for s in [{**sentences[0], "sentid": n}]
    ]
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps({"images": images}))
    assert command(folder, network, tmp_path / "out", "--captions", captions) == 2
    assert f"left out: {folder}/gone.png is missing" in capsys.readouterr().err
    assert PackedRegions(tmp_path / "out").image_ids.tolist() == [0]


def test_where_no_picture_can_be_used_there_is_no_store(network, tmp_path, capsys):
    folder = write_pictures(tmp_path / "pictures", 2, bad=(0, 1))
    assert command(folder, network, tmp_path / "out", "--skip-bad") == 2
    assert "None of the 2 pictures can be used; 000.png" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


KILLED = """
import os, signal, sys
from keras_teran.cli.main import main
from keras_teran.extract import _storing as storing

at, when = int(sys.argv[1]), sys.argv[2]
name = {"rows": "write_rows", "progress": "save_progress", "end": "publish"}[when]
original, calls = getattr(storing, name), []

def killed(*arguments, **more):
    calls.append(1)
    if len(calls) == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **more)

setattr(storing, name, killed)
main(sys.argv[3:])
"""


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "when", "done"), [(1, "rows", 0), (3, "rows", 6), (2, "progress", 3)]
    + [(1, "end", 11)],
)  # fmt: skip
def test_a_kill_loses_the_last_batch_at_most(network, tmp_path, at, when, done):
    folder = write_pictures(tmp_path / "pictures", IMAGES, bad=(2, 7))
    extractor = ["--extractor", str(network), "--tensor", "map", "--grid", "1"]
    out = tmp_path / "out"
    line = ["regions", str(folder), *extractor, "--out", str(out), "--batch-size", "3"]
    program = [sys.executable, "-c", KILLED, str(at), when, *line]
    ended = subprocess.run(program, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not out.exists()
    state = json.loads((tmp_path / "out.partial" / "progress.json").read_text())
    assert state["images_done"] == done

    read, decode = [], storing.decode
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storing, "decode", lambda p, n: read.append(p) or decode(p, n))
        assert main([*line, "--skip-bad"]) == 0
    assert len(read) == IMAGES - done
    assert command(folder, network, tmp_path / "once", "--skip-bad") == 0
    assert contents(out) == contents(tmp_path / "once")
    assert not (tmp_path / "out.partial").exists()


def test_what_was_left_of_another_run_is_not_continued(
    folder, network, tmp_path, monkeypatch, capsys
):
    def stop(*arguments, **more):
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(storing, "publish", stop)
        assert command(folder, network, tmp_path / "out") == 2
    capsys.readouterr()
    assert command(folder, network, tmp_path / "out", "--std", 1) == 2
    assert "unfinished pack of something else: ['extractor']" in capsys.readouterr().err
    (folder / "new.png").write_bytes((folder / "000.png").read_bytes())
    assert command(folder, network, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "['images', 'ids_and_names_sha256'] differ" in error


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "progress.json: plan is missing"),
        ("[]", "progress.json should be"),
        (
            '{"plan": {}, "images_done": 3, "rows": 9, "bad": []}',
            "rows and bad are not",
        ),
        (
            '{"plan": {}, "images_done": 0, "bad": [["a"]]}',
            "bad.0 List should have at least",
        ),
        ('{"plan": {}, "images_done": 0}', "unfinished pack of something else"),
    ],
)
def test_a_damaged_progress_is_refused(
    folder, network, tmp_path, capsys, content, message
):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "progress.json").write_text(content)
    assert command(folder, network, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert [path.name for path in (tmp_path / "out.partial").iterdir()] == [
        "progress.json"
    ]


def test_an_existing_store_is_not_overwritten(folder, network, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert command(folder, network, tmp_path / "out") == 2
    assert "out exists already" in capsys.readouterr().err


def test_a_store_knows_its_extractor(folder, network, tmp_path):
    own = tmp_path / "own.onnx"
    own.write_bytes(network.read_bytes())
    pictures = list_pictures(folder)
    extractor = open_extractor(own, tensor="map", grid=[2])
    store_regions(extractor, pictures, tmp_path / "out", bar=False)
    assert reopen_extractor(tmp_path / "out").identity == extractor.identity
    write_onnx(own, side="side")
    with pytest.raises(ValueError, match="pictures of any size"):
        reopen_extractor(tmp_path / "out")
    write_onnx(own, side=64)
    with pytest.raises(ValueError, match=r"\['sha256', 'input_size'\] differ"):
        reopen_extractor(tmp_path / "out")
    os.remove(own)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        reopen_extractor(tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"has no extractor\.json"):
        reopen_extractor(folder)


class Broken:
    """An extractor that goes wrong in one picture."""

    input_size, region_dim, max_regions = (16, 16), 2, 1

    def __init__(self, value, box):
        self.identity = self.opened_as = {}
        self._value, self._box = value, box

    def extract(self, pictures, image_ids=None):
        found = []
        for image_id in image_ids:
            wrong = image_id == 5
            features = np.full((1, 2), self._value if wrong else 0.0, np.float32)
            box = self._box if wrong else [0, 0, 1, 1]
            found.append((features, np.array([box], np.float32)))
        return found


@pytest.mark.parametrize(
    ("value", "box", "message"),
    [
        (np.nan, [0, 0, 1, 1], r"005\.png is unusable: a feature is NaN or infinite"),
        (0.0, [0, 0, 1, 2], r"005\.png is unusable: box \(0,\) lies outside 0\.\.1"),
        (1e6, [0, 0, 1, 1], r"image 5 reach 1e\+06, too large for float16"),
    ],
)
def test_what_an_extractor_gets_wrong_is_named(folder, tmp_path, value, box, message):
    pictures = list_pictures(folder)
    with pytest.raises(ValueError, match=message):
        store_regions(Broken(value, box), pictures, tmp_path / "out", bar=False)
    assert not (tmp_path / "out").exists()


def test_memory_is_that_of_two_batches_however_many_pictures(tmp_path, monkeypatch):
    """No picture is decoded before the batch two before its own is extracted."""
    folder = write_pictures(tmp_path / "pictures", 20)
    extractor, begun, extracted = Broken(0.0, [0, 0, 1, 1]), [], []
    ahead, extract, decode = [], extractor.extract, storing.decode
    monkeypatch.setattr(storing, "decode", lambda *a: begun.append(1) or decode(*a))

    def counted(pictures, image_ids):
        ahead.append(len(begun) - len(extracted))
        extracted.extend(pictures)
        return extract(pictures, image_ids)

    extractor.extract = counted
    pictures = list_pictures(folder)
    store_regions(extractor, pictures, tmp_path / "out", batch_size=4, bar=False)
    assert max(ahead) <= 2 * 4
    assert len(extracted) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grid", "0"], "'0' is no whole number from 1 on"),
        (["--batch-size", "x"], "'x' is no whole number from 1 on"),
    ],
)
def test_numbers_below_one_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(["regions", "p", "--extractor", "x.onnx", "--out", "o", *arguments])
    assert message in capsys.readouterr().err


def test_a_folder_without_pictures_is_named(network, tmp_path, capsys):
    assert command(tmp_path / "gone", network, tmp_path / "out") == 2
    assert "There is no folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert command(tmp_path / "empty", network, tmp_path / "out") == 2
    assert "empty holds no picture; looked for .apng .avif" in capsys.readouterr().err
