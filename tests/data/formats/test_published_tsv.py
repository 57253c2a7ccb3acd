"""TSV files of features as they are published: parts, broken rows, other layouts."""

import json

import numpy as np
import pytest
from support.foreign_files import bottom_up_row, encoded, packed_values, run_pack
from support.foreign_files import write_captions as write_captions_file

from keras_teran.data._region_store import PackedRegions, open_regions

BOXES = [[64, 48, 320, 240], [0, 0, 640, 480]]
RELATIVE = [[0.1, 0.1, 0.5, 0.5], [0, 0, 1, 1]]
PARTS = "karpathy_train_resnet101_faster_rcnn_genome.tsv"


def captions_of(folder, names):
    return write_captions_file(folder / "dataset.json", [f"{n}.jpg" for n in names])


def lxmert_row(key, boxes, value=1.0, size=(640, 480)):
    count = len(boxes)
    classes = "\t".join(encoded(np.zeros(count)) for _ in range(4))
    arrays = f"{encoded(boxes)}\t{encoded(np.full((count, 4), value))}"
    return f"{key}\t{size[1]}\t{size[0]}\t{classes}\t{count}\t{arrays}\n"


def with_places(boxes, value=1.0):
    """Oscar's features: relative corners, width and height behind the numbers."""
    boxes = np.asarray(boxes, np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.c_[np.full((len(boxes), 4), value, np.float32), boxes, sides]


def oscar_row(key, boxes, value=1.0, count=None):
    features = encoded(with_places(boxes, value))
    said = {"num_boxes": count or len(boxes), "features": features}
    return f"{key}\t{json.dumps(said)}\n"


def vinvl_row(key, boxes, value=1.0, count=None):
    return f"{key}\t{count or len(boxes)}\t{encoded(with_places(boxes, value))}\n"


def test_parts_are_read_together(tmp_path, capsys):
    (tmp_path / "f").mkdir()
    for part in range(3):
        path = tmp_path / "f" / f"{PARTS}.{part}"
        path.write_text(bottom_up_row(f"{part + 1}", BOXES, part + 1.0))
    captions = captions_of(tmp_path, [2, 3, 1])
    parts = [tmp_path / "f" / f"{PARTS}.{part}" for part in range(3)]
    for number, given in enumerate([parts, [tmp_path / "f"], [tmp_path / "f/*.tsv.*"]]):
        (tmp_path / str(number)).mkdir()
        assert run_pack(tmp_path / str(number), given, captions) == 0
        values = packed_values(tmp_path / str(number) / "out")
        assert values == {"1.jpg": 1.0, "2.jpg": 2.0, "3.jpg": 3.0}
    one = captions_of(tmp_path, [1])
    assert run_pack(tmp_path, parts[:1], one) == 0
    assert packed_values(tmp_path / "out") == {"1.jpg": 1.0}
    assert run_pack(tmp_path / "x", [parts[0], parts[0]], one) == 2
    assert "each once" in capsys.readouterr().err


def test_an_image_in_two_parts_is_refused(tmp_path, capsys):
    for part in range(2):
        (tmp_path / f"{PARTS}.{part}").write_text(bottom_up_row("1", BOXES, part + 1.0))
    parts = [tmp_path / f"{PARTS}.{part}" for part in range(2)]
    assert run_pack(tmp_path, parts, captions_of(tmp_path, [1])) == 2
    assert "names the image '1' 2 times" in capsys.readouterr().err


@pytest.mark.parametrize("first", [True, False])
def test_of_a_broken_and_a_whole_row_the_whole_one_is_taken(tmp_path, capsys, first):
    whole = bottom_up_row("2", BOXES, 7.0)
    broken = whole[:-41] + "\n"
    rows = [broken, whole] if first else [whole, broken]
    path = tmp_path / "a.tsv"
    path.write_text(bottom_up_row("1", BOXES) + "".join(rows))
    assert run_pack(tmp_path, [path], captions_of(tmp_path, [1, 2])) == 0
    assert packed_values(tmp_path / "out") == {"1.jpg": 1.0, "2.jpg": 7.0}
    said = [line for line in capsys.readouterr().err.splitlines() if "broken" in line]
    assert len(said) == 1
    assert f"a.tsv, line {2 if first else 3}: 2 boxes do not fit" in said[0]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (bottom_up_row("2", BOXES, np.nan), "a feature is NaN or infinite"),
        (bottom_up_row("2", BOXES, -np.inf), "a feature is NaN or infinite"),
        (bottom_up_row("2", [[320, 9, 160, 12]]), "(0,) is inverted"),
        (bottom_up_row("2", [[320, np.nan, 160, 12]]), "(0,) is not finite"),
    ],
)
def test_a_row_of_no_numbers_or_no_boxes_is_broken(tmp_path, capsys, broken, message):
    path = tmp_path / "a.tsv"
    path.write_text(bottom_up_row("1", BOXES) + broken)
    captions = captions_of(tmp_path, [1, 2])
    assert run_pack(tmp_path, [path], captions) == 2
    assert message in capsys.readouterr().err
    path.write_text(path.read_text() + bottom_up_row("2", BOXES, 7.0))
    assert run_pack(tmp_path, [path], captions) == 0
    assert packed_values(tmp_path / "out") == {"1.jpg": 1.0, "2.jpg": 7.0}
    assert f"a.tsv, line 2: {message}" in capsys.readouterr().err.replace("box ", "")


def test_a_broken_row_that_looks_like_lxmerts_does_not_swap_the_sides(tmp_path, capsys):
    """A row cut after its number of boxes, with the next behind it: ten columns."""
    cut = "2\t640\t480\t2\t"
    assert (cut + bottom_up_row("1", BOXES)).count("\t") == 9
    for name, rows in {
        "first.tsv": cut + bottom_up_row("2", BOXES) + bottom_up_row("1", BOXES),
        "last.tsv": bottom_up_row("1", BOXES) + cut + bottom_up_row("2", BOXES),
    }.items():
        path = tmp_path / name
        path.write_text(rows)
        assert run_pack(tmp_path, [path], captions_of(tmp_path, [1, 2])) == 2
        assert "10 columns as LXMERT's, without its classes" in capsys.readouterr().err
        path.write_text(rows + bottom_up_row("2", BOXES, 5.0))
        (tmp_path / name.split(".")[0]).mkdir()
        folder = tmp_path / name.split(".")[0]
        assert run_pack(folder, [path], captions_of(tmp_path, [1, 2])) == 0
        packed = PackedRegions(folder / "out").read([0, 1])
        np.testing.assert_allclose(packed["boxes"], [RELATIVE] * 2, rtol=1e-6)
        assert packed["regions"][1, 0, 0] == 5


def test_a_whole_row_of_another_layout_is_broken(tmp_path, capsys):
    path = tmp_path / "a.tsv"
    rows = [bottom_up_row(f"{k}", BOXES) for k in (1, 2)]
    path.write_text("".join(rows) + lxmert_row("3", BOXES))
    assert run_pack(tmp_path, [path], captions_of(tmp_path, [1, 2, 3])) == 2
    error = capsys.readouterr().err
    assert "line 3: 10 columns; the file's other rows have 6" in error
    assert run_pack(tmp_path, [path], captions_of(tmp_path, [1, 2])) == 0


@pytest.mark.parametrize("row", [bottom_up_row, lxmert_row, oscar_row, vinvl_row])
def test_every_layout_gives_features_and_boxes(tmp_path, row):
    path = tmp_path / "a.tsv"
    boxes = BOXES if row in (bottom_up_row, lxmert_row) else RELATIVE
    path.write_text(row("1", boxes, 3.0) + row("2", boxes[:1], 4.0))
    store = open_regions(path)
    read = store.read([1, 2])
    assert store.region_dim == 4
    np.testing.assert_allclose(read["boxes"][0], RELATIVE, rtol=1e-6)
    np.testing.assert_allclose(read["boxes"][1, :1], RELATIVE[:1], rtol=1e-6)
    assert read["regions"][:, 0].tolist() == [[3.0] * 4, [4.0] * 4]
    assert read["region_mask"].tolist() == [[True, True], [True, False]]


def test_oscars_boxes_may_reach_a_pixel_over_the_edge(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(oscar_row("1", [[0.25, 0.1, 641 / 640, 0.5]]))
    boxes = open_regions(path).read([1])["boxes"][0]
    np.testing.assert_allclose(boxes, [[0.25, 0.1, 1, 0.5]], rtol=1e-6)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (oscar_row("1", RELATIVE, count=3), "line 1: 3 boxes do not fit its base64"),
        (vinvl_row("1", RELATIVE, count=4), "line 1: the last six numbers .* its box"),
        (vinvl_row("1", RELATIVE, count=7), "line 1: 7 boxes do not fit its base64"),
        (f"1\t2\t{encoded(np.ones((2, 10)))}\n", "line 1: the last six numbers"),
        (f"1\t2\t{encoded(np.ones((2, 3)))}\n", "line 1: the last six numbers"),
        ('1\t{"num_boxes": 2}\n', "line 1: features is missing"),
        ('1\t{"num_boxes": "2", "features": ""}\n', "num_boxes should be a valid int"),
        ("1\t[1, 2]\n", "line 1 should be"),
        ("1\t{\n", "line 1 is not JSON"),
        ("1\t" + "[" * 100_000 + "\n", "line 1: lists or objects are nested too deep"),
        ("1\t2\t!!!\n", "line 1: 2 boxes do not fit its base64"),
        (bottom_up_row("1", BOXES).replace("\t2\t", "\t99\t"), "99 boxes do not fit"),
        (bottom_up_row("1", BOXES).replace("\t2\t", "\t1\t"), "1 boxes do not fit"),
        (
            bottom_up_row("1", BOXES).replace("\t2\t", "\t²\t"),
            "num_boxes must be a who",
        ),
        (bottom_up_row("1", BOXES).replace("640", "9" * 5000), "width must be a whole"),
        (lxmert_row("1", BOXES).replace("\t2\t", "\t3\t"), "3 boxes do not fit"),
    ],
)
def test_what_a_row_declares_is_held_against_what_it_holds(tmp_path, line, message):
    path = tmp_path / "a.tsv"
    path.write_text(line)
    with pytest.raises(ValueError, match=message) as caught:
        open_regions(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_row_of_another_width_is_broken(tmp_path):
    path = tmp_path / "a.tsv"
    other = f"3\t640\t480\t1\t{encoded(BOXES[:1])}\t{encoded(np.ones(3))}\n"
    rows = "".join(bottom_up_row(f"{k}", BOXES) for k in (1, 2))
    path.write_text(rows + other)
    with pytest.raises(ValueError, match="line 3: 3 numbers a region; .* have 4"):
        open_regions(path)
