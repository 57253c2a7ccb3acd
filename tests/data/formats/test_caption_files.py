"""Caption files as people have them, each written here in its exact layout."""

import numpy as np
import pytest
from support.hostile_texts import write as write_content

from keras_teran.data.formats._caption_files import read_any_captions, read_rows

COCO = {
    "info": {"year": 2014},
    "images": [
        {"id": 391895, "file_name": "COCO_val2014_000000391895.jpg", "width": 640},
        {"id": 522418, "file_name": "COCO_val2014_000000522418.jpg", "width": 480},
    ],
    "annotations": [
        {"image_id": 522418, "id": 45, "caption": "A woman cutting a cake. "},
        {"image_id": 391895, "id": 38, "caption": "A man on a moped."},
        {"image_id": 391895, "id": 47, "caption": "Man rides a bike."},
    ],
}
TOKEN = (
    "1000092795.jpg#0\tTwo young guys with shaggy hair .\n"
    "1000092795.jpg#1\tTwo young , White males are outside .\n"
    "10002456.jpg#0\tSeveral men in hard hats .\n"
)


def write(folder, name, content):
    return write_content(folder / name, content)


def pairs(path):
    return [(row.image, row.text) for row in read_rows(path)]


def test_coco_annotations(tmp_path):
    found = read_any_captions(write(tmp_path, "captions_val2014.json", COCO), "val")
    assert found.image_ids.tolist() == [522418, 391895]
    assert found.filenames[0] == "COCO_val2014_000000522418.jpg"
    assert found.captions_of(0) == ["A woman cutting a cake."]
    assert found.captions_of(1) == ["A man on a moped.", "Man rides a bike."]


def test_flickr30k_token_file(tmp_path):
    found = read_any_captions(write(tmp_path, "results_20130124.token", TOKEN))
    assert found.image_ids.tolist() == [1000092795, 10002456]
    assert found.caption_to_image.tolist() == [0, 0, 1]
    assert found.captions[2] == "Several men in hard hats ."


def test_flickr8k_names_are_no_numbers_so_ids_are_positions(tmp_path):
    text = "1000268201_693b.jpg#0\tA child .\n1001773457_577c.jpg#0\tA dog .\n"
    found = read_any_captions(write(tmp_path, "Flickr8k.token.txt", text))
    assert found.image_ids.tolist() == [0, 1]


def test_karpathy_files_are_read_by_split(tmp_path):
    sentences = [{"raw": "a dog", "sentid": 0}]
    image = {"imgid": 4, "split": "val", "filename": "a.jpg", "sentences": sentences}
    path = write(tmp_path, "dataset_flickr30k.json", {"images": [image]})
    assert read_any_captions(path, "val").image_ids.tolist() == [4]
    with pytest.raises(ValueError, match="no image of split 'train'"):
        read_any_captions(path, "train")


@pytest.mark.parametrize("per_image", [1, 2])
def test_precomp_captions_belong_to_images_by_position(tmp_path, per_image):
    np.save(tmp_path / "dev_ims.npy", np.eye(2, dtype="float32"))
    lines = "".join(f"caption {n}\n" for n in range(2 * per_image))
    found = read_any_captions(write(tmp_path, "dev_caps.txt", lines))
    assert found.image_ids.tolist() == [0, 1]
    assert found.caption_to_image.tolist() == sorted([0, 1] * per_image)
    write(tmp_path, "dev_caps.txt", lines.replace("caption 1", ""))
    with pytest.raises(ValueError, match="dev_caps.txt, line 2: the caption is empty"):
        read_any_captions(tmp_path / "dev_caps.txt")


TABLES = {
    "a.csv": 'image,caption\r\na.jpg,"a dog, running"\r\nb.jpg,a cat\r\n',
    "captions.txt": 'image,caption\na.jpg,"a dog, running"\nb.jpg,a cat\n',
    "marked.csv": '\ufeffimage,caption\na.jpg,"a dog, running"\nb.jpg,a cat\n',
    "a.tsv": "text\tfile_name\na dog, running\ta.jpg\na cat\tb.jpg\n",
    "a.jsonl": '{"image": "a.jpg", "caption": ["a dog, running"]}\n\n'
    '{"filename": "b.jpg", "text": " a cat "}\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_and_json_lines(tmp_path, name):
    path = write(tmp_path, name, TABLES[name])
    assert pairs(path) == [("a.jpg", "a dog, running"), ("b.jpg", "a cat")]
    assert read_any_captions(path).image_ids.tolist() == [0, 1]


def test_a_quote_in_a_tsv_is_a_character(tmp_path):
    path = write(tmp_path, "a.tsv", 'image\tcaption\na.jpg\t"Stop" it says\n')
    assert pairs(path) == [("a.jpg", '"Stop" it says')]


def test_ids_of_a_table_are_kept(tmp_path):
    text = "image_id,image,caption\n7,a.jpg,a dog\n7,a.jpg,a pup\n3,b.jpg,a cat\n"
    assert read_any_captions(write(tmp_path, "a.csv", text)).image_ids.tolist() == [
        7,
        3,
    ]


def test_splits_that_a_file_has_are_read(tmp_path):
    text = "image,caption,split\na.jpg,a dog,val\nb.jpg,a cat,\n"
    rows = read_rows(write(tmp_path, "a.csv", text))
    assert [row.split for row in rows] == ["val", None]
    sentences = [{"raw": "a dog", "sentid": 5}, {"raw": "a pup ", "sentid": 3}]
    image = {"cocoid": 4, "split": "restval", "filename": "a.jpg", "filepath": "in"}
    content = {"images": [{**image, "sentences": sentences}]}
    path = write(tmp_path, "dataset_x.json", content)
    assert read_rows(path) == [
        ("in/a.jpg", "a dog", f"{path}, caption 5", 4, "restval"),
        ("in/a.jpg", "a pup", f"{path}, caption 3", 4, "restval"),
    ]


def coco_with(key, **fields):
    records = [*COCO[key], {**COCO[key][0], **fields}]
    return {**COCO, key: records}


FAULTS = {
    "a.xml": ("", "Captions cannot be read from .*a.xml"),
    "empty.csv": ("image,caption\n", "holds no captions"),
    "latin.csv": (
        "image,caption\na.jpg,ok\nb.jpg,caf\xe9\n".encode("latin1"),
        r"latin.csv, line 3: byte 0xe9 at 9 is no UTF-8\. .*iconv -f latin1",
    ),
    "latin.jsonl": (b'{"image": "\xff"}', "latin.jsonl, line 1: byte 0xff at 11"),
    "latin.json": (b'{\n"images": "\xff"}', "latin.json is not UTF-8: byte 13, line 2"),
    "names.csv": (
        "picture,caption\na,b\n",
        r"line 1 needs an image.*\['picture', 'ca",
    ),
    "comma.csv": ("image,caption\na.jpg,a dog, b\n", "line 2: not as many columns"),
    "short.csv": ("image,caption\na.jpg\n", "line 2: not as many columns"),
    "id.csv": ("image,caption,image_id\na,b,x\n", "image_id must be a whole number"),
    "two.csv": (
        "image,caption,image_id\na,b,1\nc,d,1\n",
        "line 3: image id 1 is that of 'c' here and of 'a' before",
    ),
    "moved.csv": (
        "image,caption,image_id\na,b,1\na,d,2\n",
        "line 3: image 'a' has the id 2 here and 1 before",
    ),
    "split.csv": (
        "image,caption,split\na,b,dev\n",
        "line 2: split must be one of train, restval, val, test; received 'dev'",
    ),
    "splits.csv": (
        "image,caption,split\na,b,val\na,d,test\n",
        "line 3: image 'a' is in the split test here and in val before",
    ),
    "nameless.json": (
        {"images": [{"imgid": 4, "sentences": [{"raw": "a dog", "sentid": 0}]}]},
        "image 4 has no filename",
    ),
    "cut.jsonl": (
        '{"image": "a.jpg", "cap',
        "cut.jsonl, line 1 is not JSON: Unterminated string",
    ),
    "list.jsonl": ("[1]\n", "line 1: expected an object"),
    "number.jsonl": ('{"image": "a", "caption": 3}', "must be texts"),
    "bad.token": (TOKEN + "10.jpg A dog\n", "line 4: expected NAME#0, a tab"),
    "twice.token": (
        TOKEN + "10002456.jpg#0\tMen .\n",
        "line 4: 10002456.jpg#0 occurs twice",
    ),
    "list.json": ([1], "list.json, record 0: expected an object; received 1"),
    "image.json": (coco_with("images"), "image id 391895 occurs twice"),
    "annotation.json": (coco_with("annotations"), "annotation id 45 occurs twice"),
    "unknown.json": (
        coco_with("annotations", id=1, image_id=77),
        r"annotations\[3\]: the file holds no image of image_id 77",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_said_in_one_line(tmp_path, name):
    content, message = FAULTS[name]
    with pytest.raises(ValueError, match=message) as raised:
        read_rows(write(tmp_path, name, content))
    assert "\n" not in str(raised.value)


def test_an_empty_caption_is_named_and_a_missing_file_too(tmp_path):
    path = write(tmp_path, "a.csv", "image,caption\na.jpg, \n")
    with pytest.raises(ValueError, match="a.csv, line 2: the caption is empty"):
        read_any_captions(path)
    with pytest.raises(FileNotFoundError, match="There is no file .*none.csv"):
        read_any_captions(tmp_path / "none.csv")
