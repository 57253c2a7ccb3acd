import json
import pickle

import numpy as np
import pytest
from PIL import Image

from keras_teran.data._sizes import read_sizes


def coco_file(path, sizes):
    images = [{"id": i, "width": w, "height": h} for i, (w, h) in sizes.items()]
    path.write_text(json.dumps({"images": images, "annotations": []}))
    return path


def picture(path, width, height):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(path)


def test_sizes_come_from_coco_annotations(tmp_path):
    path = coco_file(tmp_path / "instances.json", {7: (640, 480), 8: (50, 60)})
    assert read_sizes(path, [7]) == {7: (640, 480)}


def test_several_annotation_files_add_up(tmp_path):
    train = coco_file(tmp_path / "train.json", {7: (640, 480)})
    val = coco_file(tmp_path / "val.json", {8: (50, 60)})
    assert read_sizes([train, val], [8, 7]) == {8: (50, 60), 7: (640, 480)}


def test_sizes_come_from_the_headers_of_pictures(tmp_path):
    picture(tmp_path / "a.png", width=30, height=20)
    assert read_sizes(tmp_path, [5], ["a.png"]) == {5: (30, 20)}


@pytest.mark.parametrize("place", ["val2014/a.png", "a.png"])
def test_pictures_are_found_with_or_without_their_inner_folder(tmp_path, place):
    picture(tmp_path / place, width=30, height=20)
    assert read_sizes(tmp_path, [5], ["val2014/a.png"]) == {5: (30, 20)}


def test_pictures_may_be_spread_over_several_folders(tmp_path):
    picture(tmp_path / "one" / "a.png", width=3, height=2)
    picture(tmp_path / "two" / "b.png", width=5, height=4)
    sizes = read_sizes([tmp_path / "one", tmp_path / "two"], [1, 2], ["a.png", "b.png"])
    assert sizes == {1: (3, 2), 2: (5, 4)}


@pytest.mark.parametrize(
    "text", ["image_id,width,height\n7,640,480\n", "filename,height,width\na,480,640\n"]
)
def test_sizes_come_from_a_csv_by_id_or_filename(tmp_path, text):
    path = tmp_path / "sizes.csv"
    path.write_text(text)
    assert read_sizes(path, [7], ["a"]) == {7: (640, 480)}


NAMED = {
    "s.json": json.dumps(
        {
            "images": [
                {"id": k, "file_name": f"{k}.tif", "width": 100 * k, "height": 10 * k}
                for k in (1, 2, 3)
            ]
        }
    ),
    "s.csv": "image_id,filename,width,height\n"
    + "".join(f"{k},{k}.tif,{100 * k},{10 * k}\n" for k in (1, 2, 3)),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_file_name_decides_before_an_id(tmp_path, name):
    """`2.tif` has the position 1, which is the id of `1.tif` in the file."""
    path = tmp_path / name
    path.write_text(NAMED[name])
    ids, names = [0, 1, 2], ["1.tif", "2.tif", "3.tif"]
    right = {0: (100, 10), 1: (200, 20), 2: (300, 30)}
    assert read_sizes(path, ids, names) == right
    assert read_sizes(path, [3, 1]) == {3: (300, 30), 1: (100, 10)}
    with pytest.raises(ValueError, match=r"lacks the size of 1 of 1 images.*\[1\]"):
        read_sizes(path, [1], ["other.tif"])


@pytest.mark.parametrize(
    ("captions", "file"),
    [
        ("cafe\u0301.png", "caf\xe9.png"),
        ("val2014/a.jpg", "a.jpg"),
        ("COCO_val2014_000000391895.jpg", "000000391895.jpg"),
    ],
)
def test_sizes_follow_the_rule_of_names(tmp_path, captions, file):
    path = tmp_path / "s.csv"
    path.write_text(f"filename,width,height\n{file},64,48\n", encoding="utf-8")
    assert read_sizes(path, [5], [captions]) == {5: (64, 48)}


def test_a_name_of_two_images_gives_neither_a_size(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("filename,width,height\n1.jpg,64,48\n")
    with pytest.raises(ValueError, match="line 2: '1.jpg' may be 'a/1.jpg' or 'b/1"):
        read_sizes(path, [1, 2], ["a/1.jpg", "b/1.jpg"])


def test_a_mapping_is_taken_as_it_is():
    assert read_sizes({7: (640, 480), 8: (1, 1)}, [7]) == {7: (640, 480)}


def test_a_pickle_is_refused_unopened_with_the_remedy(tmp_path):
    path = tmp_path / "sizes.pkl"
    path.write_bytes(pickle.dumps({7: (640, 480)}))
    with pytest.raises(ValueError, match=r"sizes\.pkl is a pickle.*Give COCO's annot"):
        read_sizes(path, [7])


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no .*absent\.json to read sizes"):
        read_sizes(tmp_path / "absent.json", [7])


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "sizes.txt").write_text("7 640 480")
    with pytest.raises(ValueError, match=r"cannot be read from .*sizes\.txt"):
        read_sizes(tmp_path / "sizes.txt", [7])


def test_an_empty_list_of_sources_is_refused():
    with pytest.raises(ValueError, match="sizes is an empty list"):
        read_sizes([], [7])


def test_images_without_a_size_are_named(tmp_path):
    path = coco_file(tmp_path / "val.json", {7: (640, 480)})
    with pytest.raises(
        ValueError, match=r"val\.json lacks the size of 2 of 3 images.*\[8, 9\]"
    ):
        read_sizes(path, [7, 8, 9])


def test_the_caption_file_is_refused_as_a_source(tmp_path):
    path = tmp_path / "dataset_coco.json"
    path.write_text(json.dumps({"images": [{"cocoid": 7, "sentences": []}]}))
    with pytest.raises(ValueError, match="Karpathy caption file has no sizes"):
        read_sizes(path, [7])


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no picture 'b\.png' in"):
        read_sizes(tmp_path, [7], ["b.png"])


def test_an_unreadable_picture_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"a\.png \(image 7\) is not readable"):
        read_sizes(tmp_path, [7], ["a.png"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("7,640,480\n", "needs a header line with width, height"),
        ("image_id,width,height\n7,640\n", r"sizes\.csv, line 2"),
        (
            "image_id,width,height\n7,640,480.5\n",
            "line 2: height must be a whole number",
        ),
        ("image_id,width,height\n7,0,480\n", "image 7 is 0 × 480 pixels"),
    ],
)
def test_a_faulty_csv_is_refused(tmp_path, text, message):
    path = tmp_path / "sizes.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_sizes(path, [7])


def test_a_size_that_is_no_pair_is_refused():
    with pytest.raises(ValueError, match=r"image 7 must be \(width, height\)"):
        read_sizes({7: 640}, [7])
