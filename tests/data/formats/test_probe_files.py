"""Published probes: small files in their layouts, and what is wrong with others."""

import json

import pytest

from keras_teran.data.formats._probe_files import LAYOUTS, read_probe
from keras_teran.data.probes._items import ProbeItem

SUGARCREPE = {
    "0": {
        "filename": "000000085329.jpg",
        "caption": "A cat on a bed.",
        "negative_caption": "A dog on a bed.",
    },
    # The published numbers have gaps.
    "2": {
        "filename": "000000000139.jpg",
        "caption": "A red chair.",
        "negative_caption": "A blue chair.",
    },
}
VALSE = {
    f"actions_test_{number}": {
        "dataset": "SWiG",
        "original_split": "test",
        "dataset_idx": f"exercising_{number}.jpg",
        "linguistic_phenomena": "actions",
        "image_file": f"exercising_{number}.jpg",
        "caption": "A man exercises his torso.",
        "classes": "man",
        "classes_foil": "torso",
        "mturk": {"foil": 3 - votes, "caption": votes, "other": 0},
        "foil": "A torso exercises for a man.",
    }
    for number, votes in enumerate((3, 2, 1))
}
VG = {
    "image_id": 2335723,
    "image_path": "2335723.jpg",
    "bbox_x": 4,
    "bbox_y": 0,
    "bbox_w": 90,
    "bbox_h": 70,
    "true_caption": "the dog is on the bed",
    "false_caption": "the bed is on the dog",
}
RELATION = [{**VG, "relation_name": "on"}]
ATTRIBUTION = [{**VG, "attributes": ["white", "green"], "obj1_name": "dog"}]
ORDER = [{"image": "val2014/a.jpg", "caption": ["A dog runs on the grass", "A dog"]}]
OPTIONS = [{"image": "a.jpg", "caption_options": ["a dog runs", "runs a dog", "dog a"]}]
WINOGROUND = {
    "id": 0,
    "image_0": "ex_0_img_0",
    "image_1": "ex_0_img_1",
    "caption_0": "an old person kisses a young person",
    "caption_1": "a young person kisses an old person",
    "tag": "Adjective-Age",
    "secondary_tag": "",
    "num_main_preds": 1,
    "collapsed_tag": "Object",
}
NEGBENCH = (
    ",correct_answer,caption_0,caption_1,caption_2,correct_answer_template,image_path\n"
    '0,2,"A chair, no cat",A cat,No chair,negative,data/val2017/000000397133.jpg\n'
)
HALF_TRUTHS = {
    "split": "val",
    "rows": [
        {
            "imgid": 3,
            "caption": "A dog",
            "true": "A dog with a ball",
            "wrong": "A dog with a boat",
        }
    ],
}


def write(folder, name, content):
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def items_of(name, path, **options):
    return read_probe(name, [path], **options).items


def test_sugarcrepe_is_an_object_of_records_and_a_file_is_a_kind(tmp_path):
    path = write(tmp_path, "swap_obj.json", SUGARCREPE)
    assert items_of("sugarcrepe", path) == [
        ProbeItem(
            ("000000085329.jpg",),
            ("A cat on a bed.",),
            ("A dog on a bed.",),
            "swap_obj",
            f"{path}, record '0'",
        ),
        ProbeItem(
            ("000000000139.jpg",),
            ("A red chair.",),
            ("A blue chair.",),
            "swap_obj",
            f"{path}, record '2'",
        ),
    ]


def test_several_files_make_one_set(tmp_path):
    paths = [
        write(tmp_path, f"{name}.json", SUGARCREPE) for name in ("add_att", "add_obj")
    ]
    found = read_probe("sugarcrepe", paths)
    assert (found.name, found.rule, found.total) == ("sugarcrepe", "choice", "all")
    assert [item.kind for item in found.items] == ["add_att"] * 2 + ["add_obj"] * 2


def test_valse_leaves_out_what_fewer_than_two_people_confirmed(tmp_path):
    path = write(tmp_path, "actions.json", VALSE)
    found = read_probe("valse", [path])
    assert [item.images for item in found.items] == [
        ("exercising_0.jpg",),
        ("exercising_1.jpg",),
    ]
    first = found.items[0]
    assert first.right == ("A man exercises his torso.",)
    assert first.wrong == ("A torso exercises for a man.",)
    assert first.kind == "actions"
    (note,) = found.notes
    assert "actions.json: 1 of 3 records are left out" in note


def test_aro_has_a_kind_for_each_relation_and_for_each_pair_of_attributes(tmp_path):
    relation = read_probe("aro-relation", [write(tmp_path, "r.json", RELATION)])
    (item,) = relation.items
    assert item[:4] == (
        ("2335723.jpg",),
        ("the dog is on the bed",),
        ("the bed is on the dog",),
        "on",
    )
    assert "ARO cuts each picture to bbox_x" in relation.notes[0]
    (item,) = items_of("aro-attribution", write(tmp_path, "a.json", ATTRIBUTION))
    assert item.kind == "white, green"


def test_aro_order_shuffles_captions_and_takes_shuffles_that_are_there(tmp_path):
    found = read_probe("order", [write(tmp_path, "o.json", ORDER)], seed=1)
    assert found.total is None
    assert {item.images for item in found.items} == {("val2014/a.jpg",)}
    assert {item.right for item in found.items} == {
        ("a dog runs on the grass",),
        ("a dog",),
    }
    (item,) = items_of("order", write(tmp_path, "p.json", OPTIONS))
    assert item.right == ("a dog runs",)
    assert item.wrong == ("runs a dog", "dog a")


@pytest.mark.parametrize("name", ["examples.jsonl", "examples.json"])
def test_winoground_has_two_images_and_two_captions(tmp_path, name):
    lines = "\n".join([json.dumps(WINOGROUND)] * 2) + "\n"
    content = lines if name.endswith("l") else [WINOGROUND, WINOGROUND]
    found = read_probe("winoground", [write(tmp_path, name, content)])
    assert found.rule == "both ways"
    assert len(found.items) == 2
    assert found.items[1][:4] == (
        ("ex_0_img_0", "ex_0_img_1"),
        ("an old person kisses a young person", "a young person kisses an old person"),
        (),
        "Object",
    )


def test_negbench_is_a_table_of_multiple_choices(tmp_path):
    (item,) = items_of("negbench", write(tmp_path, "mcq.csv", NEGBENCH))
    assert item[:4] == (
        ("data/val2017/000000397133.jpg",),
        ("No chair",),
        ("A chair, no cat", "A cat"),
        "negative",
    )


def test_half_truths_name_images_by_id(tmp_path):
    found = read_probe("half-truths", [write(tmp_path, "h.json", HALF_TRUTHS)])
    assert found.rule == "half-truth"
    (item,) = found.items
    assert item[:4] == (
        (3,),
        ("A dog", "A dog with a ball"),
        ("A dog with a boat",),
        "noun",
    )


def without(content, key):
    """A copy of the first record of a layout, without one of its fields."""
    return {name: value for name, value in content.items() if name != key}


BAD = [
    ("sugarcrepe", "x.json", "{", "x.json is not JSON"),
    (
        "sugarcrepe",
        "x.json",
        "3",
        "x.json holds 3: SugarCrepe's files are JSON objects",
    ),
    ("sugarcrepe", "x.json", {}, "x.json holds no item to ask: SugarCrepe's files"),
    (
        "sugarcrepe",
        "x.json",
        {"7": without(SUGARCREPE["0"], "negative_caption")},
        "x.json, record '7': negative_caption is missing; SugarCrepe's files are",
    ),
    (
        "sugarcrepe",
        "x.json",
        {"7": {**SUGARCREPE["0"], "caption": " "}},
        "x.json, record '7': caption is ' '; SugarCrepe's files are",
    ),
    (
        "sugarcrepe",
        "x.json",
        {"7": 5},
        "x.json, record '7' is 5: SugarCrepe's files are",
    ),
    (
        "valse",
        "x.json",
        {"a": {**VALSE["actions_test_0"], "mturk": {"caption": "3"}}},
        "x.json, record 'a': mturk.caption is '3'; VALSE's files are",
    ),
    (
        "valse",
        "x.json",
        {"a": without(VALSE["actions_test_0"], "mturk")},
        "x.json, record 'a': mturk.caption is missing; VALSE's files are",
    ),
    (
        "valse",
        "x.json",
        {"actions_test_2": VALSE["actions_test_2"]},
        "holds no item to ask",
    ),
    (
        "aro-relation",
        "x.json",
        ATTRIBUTION,
        "x.json, record 0: relation_name is missing; visual_genome_relation.json is",
    ),
    (
        "aro-attribution",
        "x.json",
        [{**VG, "attributes": "white"}],
        "x.json, record 0: attributes is 'white'; visual_genome_attribution.json is",
    ),
    (
        "order",
        "x.json",
        [{"image": "a"}],
        "x.json, record 0: caption is missing; ARO's",
    ),
    (
        "order",
        "x.json",
        [{"image": "a", "caption": ["a dog", 4]}],
        r"x.json, record 0: caption\[1\] is 4; ARO's",
    ),
    (
        "order",
        "x.json",
        [{"image": "a", "caption_options": ["a"]}],
        r"x.json, record 0: caption_options is \['a'\]; ARO's",
    ),
    (
        "winoground",
        "x.jsonl",
        json.dumps(without(WINOGROUND, "image_1")),
        "x.jsonl, line 1: image_1 is missing; Winoground's examples.jsonl has",
    ),
    ("winoground", "x.jsonl", "[", "x.jsonl, line 1 is not JSON"),
    (
        "negbench",
        "x.csv",
        NEGBENCH.replace("0,2,", "0,3,"),
        "x.csv, line 2: correct_answer is 3; needs NegBench's columns",
    ),
    (
        "negbench",
        "x.csv",
        NEGBENCH.replace("0,2,", "0,b,"),
        "x.csv, line 2: correct_answer must be a whole number of 64 bits; received 'b'",
    ),
    (
        "negbench",
        "x.csv",
        "image_id,filepath,captions\n1,a.jpg,['a dog']\n",
        "x.csv, line 1 needs NegBench's columns of a multiple choice: image_path",
    ),
    (
        "half-truths",
        "x.json",
        {"split": "val"},
        "x.json: rows is missing; a file of half",
    ),
    (
        "half-truths",
        "x.json",
        {"rows": [{**HALF_TRUTHS["rows"][0], "imgid": "3"}]},
        "x.json, record 0: imgid is '3'; a file of half-truths is a JSON object",
    ),
]


@pytest.mark.parametrize(("name", "file", "content", "message"), BAD)
def test_a_bad_file_is_one_line_with_file_record_and_remedy(
    tmp_path, name, file, content, message
):
    path = write(tmp_path, file, content)
    with pytest.raises(ValueError, match=message) as caught:
        read_probe(name, [path])
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_every_layout_has_a_bad_file():
    assert {name for name, *_ in BAD} == {*LAYOUTS}


def test_an_unknown_probe_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(
        ValueError, match="probe='crepe' is unknown; choose one of sugar"
    ):
        read_probe("crepe", [])
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.json"):
        read_probe("valse", [tmp_path / "none.json"])
