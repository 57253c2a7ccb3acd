"""`keras-teran data prepare`: pictures and captions as people have them."""

import io
import json
import re
import zlib
from collections import Counter

import pytest
from PIL import Image
from support.colour_files import write_onnx
from support.own_pictures import (
    IMAGES,
    picture,
    prepare,
    splits_of,
    two_captions,
    write_captions,
)

from keras_teran.cli.main import main
from keras_teran.data._caption_set import read_captions
from keras_teran.data._source import open_split
from keras_teran.data.prepare import _prepare as preparing


def test_a_folder_and_a_table_become_a_data_set(photos, captions, tmp_path, capsys):
    out = tmp_path / "mine"
    assert prepare(photos, captions, out, "--val", "3", "--test", "0.2") == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *("dataset_mine.json", "prepared.json", "report.html")
    ]
    assert Counter(splits_of(out).values()) == {"train": 13, "val": 3, "test": 4}
    found = read_captions(out / "dataset_mine.json", None)
    assert found.image_ids.tolist() == list(range(IMAGES))
    assert found.captions_of(7) == ["a photo, number 7", "picture 7"]
    printed = capsys.readouterr()
    assert "20 images, 40 captions (test 4, train 13, val 3)" in printed.out
    assert "20/20" not in printed.err  # no terminal, no bar
    assert not (tmp_path / "mine.partial").exists()


def test_a_model_trains_on_it_once_its_regions_are_there(photos, captions, tmp_path):
    """One store of all splits, or one a split: as `open_split` finds them."""
    out, network = tmp_path / "mine", write_onnx(tmp_path / "colours.onnx")
    assert prepare(photos, captions, out) == 0
    extract = ["regions", photos, "--captions", out / "dataset_mine.json"]
    extract += ["--extractor", network, "--tensor", "map", "--grid", "1", "--out"]
    assert main([*map(str, extract), str(out / "regions")]) == 0
    for split, images in (("train", 16), ("val", 2), ("test", 2)):
        found, regions, _ = open_split(out, split)
        assert len(found.image_ids) == images
        regions.check(found.image_ids)
    assert main([*map(str, extract), str(out / "val"), "--split", "val"]) == 0
    found, regions, _ = open_split(out, "val")
    assert regions.image_ids.tolist() == found.image_ids.tolist()


def test_the_seed_decides_and_the_order_of_the_captions_does_not(
    photos, captions, tmp_path
):
    header, *rows = captions.read_text().splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join([header, *rows[::-1]]) + "\n")
    for name, file, seed in (("a", captions, 0), ("b", turned, 0), ("c", captions, 1)):
        assert prepare(photos, file, tmp_path / name, "--seed", seed) == 0
    a, b, c = (splits_of(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c


def test_splits_of_the_file_are_kept(photos, tmp_path):
    given = ["val"] * 3 + ["test"] * 2 + ["train"] * 15
    rows = [(f"{n:02}.jpg", "a photo", split) for n, split in enumerate(given)]
    header = ("image", "caption", "split")
    file = write_captions(tmp_path / "captions.csv", rows, header)
    assert prepare(photos, file, tmp_path / "out", "--val", "10") == 0
    assert list(splits_of(tmp_path / "out").values()) == given


LAYOUTS = {
    "captions_mine.json": lambda names: json.dumps(
        {
            "images": [{"id": 50 + k, "file_name": n} for k, n in enumerate(names)],
            "annotations": [
                {"id": k, "image_id": 50 + k, "caption": "a dog"}
                for k in range(len(names))
            ],
        }
    ),
    "a.token": lambda names: "".join(f"{n}#0\ta dog\n" for n in names),
    "a.tsv": lambda names: "image\tcaption\n" + "".join(f"{n}\ta dog\n" for n in names),
    "a.jsonl": lambda names: "".join(
        json.dumps({"image": n, "caption": "a dog"}) + "\n" for n in names
    ),
}


@pytest.mark.seconds
@pytest.mark.parametrize("layout", LAYOUTS)
def test_captions_of_every_kind(photos, tmp_path, layout):
    file = tmp_path / layout
    file.write_text(LAYOUTS[layout](sorted(path.name for path in photos.iterdir())))
    assert prepare(photos, file, tmp_path / "out") == 0
    found = read_captions(tmp_path / "out" / "dataset_out.json", None)
    first = 50 if layout.endswith(".json") else 0
    assert found.image_ids.tolist() == list(range(first, first + IMAGES))
    assert set(found.captions) == {"a dog"}


def bomb(side):
    """A PNG that says it has so many pixels a side, and holds almost nothing."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


@pytest.fixture
def damaged(photos):
    """Five images that cannot be used, and what is said of each."""
    whole = (photos / "03.jpg").read_bytes()
    (photos / "03.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (photos / "05.jpg").write_bytes(b"")
    (photos / "08.jpg").write_bytes(b"<html>not found</html>")
    (photos / "11.jpg").write_bytes(bomb(20_000))
    (photos / "14.jpg").unlink()
    return {
        "03.jpg": "cannot be decoded: .*truncated",
        "05.jpg": "is empty: 0 bytes",
        "08.jpg": "is no picture of a known format",
        "11.jpg": "is too large: ",
        "14.jpg": "is missing: no such file",
    }


def test_bad_images_are_listed_and_the_others_kept(
    photos, captions, damaged, tmp_path, capsys
):
    (photos / "extra.png").write_bytes((photos / "00.jpg").read_bytes())
    captions.write_text(captions.read_text() + "17.jpg, \nblank.jpg,\n")
    out = tmp_path / "out"
    assert prepare(photos, captions, out) == 2
    printed = capsys.readouterr().err
    for name, message in damaged.items():
        assert re.search(rf"left out: .*{name} {message}", printed), name
    assert f"left out: 17.jpg: {captions}, line 42: no text" in printed
    assert f"left out: blank.jpg: {captions}, line 43: no text" in printed
    assert "1 pictures have no caption and are not used, the first extra.png" in printed
    assert "7 images or captions cannot be used and are not in" in printed
    kept = splits_of(out)
    assert set(kept) == {f"{n:02}.jpg" for n in range(IMAGES)} - set(damaged)
    # Ids are places in the captions, whatever is left out.
    assert read_captions(out / "dataset_out.json", None).image_ids.tolist() == [
        int(name[:2]) for name in kept
    ]
    record = json.loads((out / "prepared.json").read_text())
    assert {name for name, _ in record["left_out"]} == {
        *damaged,
        "17.jpg",
        "blank.jpg",
    }
    assert record["without_captions"] == ["extra.png"]
    page = (out / "report.html").read_text()
    for name in (*damaged, "blank.jpg", "extra.png"):
        assert name in page


def test_what_is_bad_is_no_failure_where_that_is_said(
    photos, captions, damaged, tmp_path, capsys
):
    assert prepare(photos, captions, tmp_path / "out", "--skip-bad") == 0
    assert len(re.findall("^left out", capsys.readouterr().err, re.MULTILINE)) == 5


@pytest.mark.seconds
def test_copies_stay_in_one_split_and_are_told(photos, captions, tmp_path, capsys):
    (photos / "01.jpg").write_bytes((photos / "00.jpg").read_bytes())
    picture(7).resize((30, 30)).save(photos / "12.jpg", quality=50)
    out = tmp_path / "out"
    for seed in range(8):
        assert prepare(photos, captions, tmp_path / f"out{seed}", "--seed", seed) == 0
        splits = splits_of(tmp_path / f"out{seed}")
        assert splits["00.jpg"] == splits["01.jpg"]
        assert splits["07.jpg"] == splits["12.jpg"]
    said = "2 groups of pictures are alike, the first 00.jpg and 01.jpg"
    assert said in capsys.readouterr().err
    assert prepare(photos, captions, out) == 0
    record = json.loads((out / "prepared.json").read_text())["duplicates"]
    assert [(g["images"], g["identical"]) for g in record] == [
        (["00.jpg", "01.jpg"], True),
        (["07.jpg", "12.jpg"], False),
    ]
    page = (out / "report.html").read_text()
    assert "1 groups of identical files, 1 of nearly the same picture" in page


def test_a_picture_without_a_caption_is_told_and_listed(photos, tmp_path, capsys):
    rows = [row for row in two_captions() if not row[0].startswith("05.")]
    captions = write_captions(tmp_path / "captions.csv", rows)
    assert prepare(photos, captions, tmp_path / "out") == 0
    said = "1 pictures have no caption and are not used, the first 05.jpg"
    assert said in capsys.readouterr().err
    record = json.loads((tmp_path / "out" / "prepared.json").read_text())
    assert record["without_captions"] == ["05.jpg"]
    assert "05.jpg" not in splits_of(tmp_path / "out")


def test_copies_that_the_file_tears_apart_are_told(photos, tmp_path, capsys):
    (photos / "01.jpg").write_bytes((photos / "00.jpg").read_bytes())
    # Images of restval train too: these are not torn.
    (photos / "04.jpg").write_bytes((photos / "05.jpg").read_bytes())
    given = ["val", "train", "test", "train", "restval", *["train"] * 15]
    rows = [(f"{n:02}.jpg", "a photo", split) for n, split in enumerate(given)]
    header = ("image", "caption", "split")
    file = write_captions(tmp_path / "captions.csv", rows, header)
    assert prepare(photos, file, tmp_path / "out") == 0
    assert list(splits_of(tmp_path / "out").values()) == given
    said = "1 of them are not: the captions put 00.jpg and 01.jpg into several splits"
    assert said in capsys.readouterr().err
    assert (
        "but 1 that the captions tear apart"
        in (tmp_path / "out" / "report.html").read_text()
    )


REFUSED = {
    "latin": (
        "image,caption\n00.jpg,ok\n01.jpg,caf\xe9\n".encode("latin1"),
        (),
        r"captions.csv, line 3: byte 0xe9 at 10 is no UTF-8",
    ),
    "ids": (
        b"image,caption,image_id\n00.jpg,a,1\n01.jpg,b,1\n",
        (),
        "line 3: image id 1 is that of '01.jpg' here and of '00.jpg' before",
    ),
    "names": (
        b"image,caption\n00.jpg,a\nphotos/00.jpg,b\n",
        (),
        "The captions name 00.jpg twice, as '00.jpg' and 'photos/00.jpg'",
    ),
    "missing": (
        b"image,caption\nx.jpg,a\ny.jpg,b\n",
        (),
        "None of the 2 images of .* can be used; x.jpg: x.jpg is missing",
    ),
    "share": (None, ("--val", "1.5"), "'1.5' is neither a fraction"),
    "all": (None, ("--val", "20"), "Of 20 images none is left for train"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_at_all_is_one_line(
    photos, captions, tmp_path, capsys, case
):
    content, options, message = REFUSED[case]
    if content:
        captions.write_bytes(content)
    assert prepare(photos, captions, tmp_path / "out", *options) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("keras-teran: ")
    assert re.search(message, last)
    assert not (tmp_path / "out").exists()


def test_options_are_checked_before_any_picture_is_read(
    photos, captions, tmp_path, monkeypatch
):
    monkeypatch.setattr(preparing, "look_at_all", None)
    for option, value in (("--val", "2.5"), ("--test", "x"), ("--vocab", "none")):
        assert prepare(photos, captions, tmp_path / "out", option, value) == 2


def test_a_folder_that_exists_and_pictures_that_do_not_are_refused(
    photos, captions, tmp_path, capsys
):
    (tmp_path / "out").mkdir()
    assert prepare(photos, captions, tmp_path / "out") == 2
    assert "out exists already" in capsys.readouterr().err
    assert prepare(tmp_path / "none", captions, tmp_path / "new") == 2
    assert "There is no folder" in capsys.readouterr().err


def test_a_data_folder_appears_whole_or_not_at_all(
    photos, captions, tmp_path, monkeypatch
):
    out = tmp_path / "out"

    def fail(*_):
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(preparing, "write_page", fail)
        assert prepare(photos, captions, out) == 2
    assert not out.exists()
    assert prepare(photos, captions, out) == 0
    assert (out / "report.html").is_file()
    assert not (tmp_path / "out.partial").exists()
