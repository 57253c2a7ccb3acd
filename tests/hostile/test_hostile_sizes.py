"""Hostile files of image sizes, through `pack`; and captions that are read right."""

import numpy as np
import pytest
from support.data_folder import record
from support.hostile_rows import Row, check_row, parametrize
from support.hostile_texts import DEEP, WHOLE, karpathy, write

from keras_teran.data._caption_set import CaptionSet, read_captions
from keras_teran.data._sizes import read_sizes
from keras_teran.data.formats._caption_files import read_rows


def sized(name, content):
    """`pack` of features whose boxes are in pixels, with this file of their sizes."""

    def build(folder):
        captions = {"images": [{**record("train", row)} for row in (0, 1)]}
        write(folder / "captions.json", captions)
        for layout, width in (("bu_att", 8), ("bu_box", 4)):
            (folder / "raw" / layout).mkdir(parents=True)
            for row in (0, 1):
                rows = np.ones((3, width), "float32") * [1, 2, 30, 40][: width % 8 or 1]
                path = folder / "raw" / layout / f"{row}"
                if width == 8:
                    np.savez(f"{path}.npz", feat=rows)
                else:
                    np.save(f"{path}.npy", rows)
        sizes = write(folder / name, content)
        arguments = ["pack", folder / "raw", folder / "out"]
        arguments += ["--captions", folder / "captions.json", "--sizes", sizes]
        return arguments

    return build


def both(**changes):
    """COCO's annotations of two images, the first with changes."""
    images = [{"id": number, "width": 64, "height": 48} for number in (0, 1)]
    return {"images": [images[0] | changes, images[1]]}


SIZES = [
    Row(
        "sizes: a field of 200 kB",
        sized("s.csv", "image_id,width,height\n0," + "6" * 200_000 + ",480\n"),
        r"s\.csv, line 2: field larger than field limit",
    ),
    Row(
        "sizes: JSON id 1e400",
        sized("s.json", '{"images": [{"id": 1e400, "width": 1, "height": 1}]}'),
        r"s\.json: the number 1e400 is too large",
    ),
    Row(
        "sizes: JSON id 2**70",
        sized("s.json", {"images": [{"id": 2**70, "width": 1, "height": 1}]}),
        rf"s\.json, images\[0\], id {WHOLE} 1180591620717411303424\.$",
    ),
    Row(
        "sizes: JSON width 480.5",
        sized("s.json", both(width=480.5)),
        rf"s\.json: the size of image 0, a side, {WHOLE} 480\.5",
    ),
    Row(
        "sizes: JSON width true",
        sized("s.json", both(width=True)),
        rf"the size of image 0, a side, {WHOLE} True",
    ),
    Row(
        "sizes: JSON deep",
        sized("s.json", '{"images": ' + DEEP + "}"),
        r"s\.json: lists or objects are nested too deep",
    ),
    Row(
        "sizes: two sizes of an image",
        sized("s.csv", "image_id,width,height\n0,64,48\n0,48,64\n"),
        r"s\.csv, line 3: image 0 has the size \(48, 64\) here and \(64, 48\) before",
    ),
    Row(
        "sizes: an unclosed quote",
        sized("s.csv", 'image_id,width,height\n0,"64,48\n1,64,48\n'),
        r"s\.csv, line 2: a quote is opened and not closed",
    ),
    Row(
        "sizes: a caption file",
        sized("s.json", karpathy()),
        r"s\.json is not a COCO annotation file.*Karpathy caption file has no sizes",
    ),
]


IDS = [
    Row(
        "CaptionSet of 1.5",
        (lambda folder: lambda: CaptionSet([1.5], ["a"], ["b"], [0], [0])),
        rf"image_ids\[0\] {WHOLE} 1\.5",
    ),
    Row(
        "CaptionSet of 2**70",
        (lambda folder: lambda: CaptionSet([2**70], ["a"], ["b"], [0], [0])),
        rf"image_ids\[0\] {WHOLE} 1180591620717411303424",
    ),
    Row(
        "CaptionSet of a position of 2**33",
        (lambda folder: lambda: CaptionSet([1], ["a"], ["b"], [0], [2**33])),
        "caption_to_image must lie within 32 bits",
    ),
    Row(
        "read_sizes({1.5: ...})",
        (lambda folder: lambda: read_sizes({1.5: (64, 48)}, [1])),
        rf"sizes: a key {WHOLE} 1\.5",
    ),
]


@parametrize([*SIZES, *IDS])
def test_hostile_sizes_and_ids(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


# What is read, with the right value.

CAT = [("a.jpg", "a dog"), ("b.jpg", 'a 12" pipe')]
READ = {
    "inner quote.csv": 'image,caption\na.jpg,a dog\nb.jpg,a 12" pipe\n',
    "doubled quote.csv": 'image,caption\n"a.jpg","a dog"\nb.jpg,"a 12"" pipe"\n',
    "space before a quote.csv": 'image, caption\na.jpg, "a dog"\nb.jpg, a 12" pipe\n',
    "kaggle.csv": "image_name| comment_number| comment\n"
    'a.jpg| 0| a dog\nb.jpg| 1| a 12" pipe\n',
    "semicolon.csv": 'image;caption\na.jpg;a dog\nb.jpg;"a 12"" pipe"\n',
    "tabs.txt": 'image\tcaption\na.jpg\ta dog\nb.jpg\ta 12" pipe\n',
    "utf16.csv": 'image,caption\na.jpg,a dog\nb.jpg,a 12" pipe\n'.encode("utf-16"),
    "utf16.jsonl": '{"image": "a.jpg", "caption": "a dog"}\n'
    '{"image": "b.jpg", "caption": "a 12\\" pipe"}\n'.encode("utf-16"),
    "list.json": [
        {"image": "a.jpg", "caption": "a dog"},
        {"filename": "b.jpg", "text": ['a 12" pipe']},
    ],
    "map.json": {"a.jpg": ["a dog"], "b.jpg": 'a 12" pipe'},
    "text ids.json": {
        "images": [{"id": "7", "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 7, "caption": "a dog"},
            {"id": "2", "image_id": 8.0, "caption": 'a 12" pipe'},
        ],
    },
}


@pytest.mark.parametrize("name", READ)
def test_captions_that_are_read(name, tmp_path):
    rows = read_rows(write(tmp_path / name, READ[name]))
    assert [(row.image, row.text) for row in rows] == CAT


def test_whole_floats_and_digits_are_ids(tmp_path):
    sentences = [{"raw": "a dog", "sentid": 3.0}, {"raw": "a pup", "sentid": "4"}]
    path = write(tmp_path / "c.json", karpathy(cocoid=391895.0, sentences=sentences))
    found = read_captions(path)
    assert found.image_ids.tolist() == [391895]
    assert found.caption_ids.tolist() == [3, 4]
    path = write(tmp_path / "c.csv", "image,caption,image_id\na.jpg,a dog,7.0\n")
    assert read_rows(path)[0].image_id == 7
