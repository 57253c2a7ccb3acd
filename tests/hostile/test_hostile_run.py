"""RUN folders with damaged files: one line each, before anything is encoded."""

import json
import shutil

import pytest
import yaml
from support.data_folder import small_config, write_data_folder
from support.hostile_rows import Row, check_row, parametrize
from support.search_index import write_run


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a RUN of 8 features a region, and data of 8 and of 5."""
    root = tmp_path_factory.mktemp("world")
    write_run(root / "run")
    write_data_folder(root / "data")
    write_data_folder(root / "narrow", dim=5)
    return root


def evaluate(content=None, *more, data="data"):
    """A builder of `evaluate`, with this content as the RUN's config.yaml."""

    def build(folder):
        if content is not None:
            (folder / "run" / "config.yaml").write_text(content)
        named = ["--data", folder / data] if data else []
        return ["evaluate", folder / "run", "--split", "val", *named, *more]

    return build


def resume(history):
    """A builder of `train` on an unfinished RUN with this history."""

    def build(folder):
        text = yaml.safe_dump(small_config(folder / "data").as_dict())
        (folder / "c.yaml").write_text(text)
        (folder / "run" / "config.yaml").write_text(text)
        (folder / "run" / "last.keras").write_bytes(b"")
        (folder / "run" / "history.json").write_text(history)
        return ["train", folder / "run", "--config", folder / "c.yaml"]

    return build


CONFIG = r"run/config\.yaml"
LISTED = [
    Row("config.yaml empty", evaluate(""), f"{CONFIG} must hold a mapping .* None"),
    Row(
        "config.yaml a list", evaluate("- tiny"), f"{CONFIG} must hold a mapping .*tiny"
    ),
    Row(
        "evaluate: data a number",
        evaluate("preset: tiny\ndata: 3\n", data=None),
        f"{CONFIG}: data: 3 is no data; it must be a word, a folder or a mapping",
    ),
    Row(
        "evaluate: without data",
        evaluate("preset: tiny\n", data=None),
        "No data are named, and .*run names none; give --data",
    ),
    Row("evaluate: config a list", evaluate("[1, 2]"), f"{CONFIG} must hold a mapping"),
    Row(
        "evaluate: features of other width",
        evaluate(data="narrow"),
        "The regions have 5 features each and the model of .*run takes 8: give features",
    ),
    Row(
        "history.json a list",
        resume("[1, 2]"),
        r"run/history\.json should be a valid dictionary; received \[1, 2\]",
    ),
]
NEIGHBORS = [
    Row(
        "the same under a protocol",
        evaluate(None, "--protocol", "f30k", data="narrow"),
        "The regions have 5 features each and the model of .*run takes 8: give features",
    ),
    Row(
        "config.yaml a text", evaluate("tiny"), f"{CONFIG} must hold a mapping .*'tiny'"
    ),
    Row("config.yaml a tag", evaluate("preset: !!python/name:os.system"), CONFIG),
    Row("config.yaml an alias", evaluate("a: &a [*a]"), f"{CONFIG} .* aliases"),
    Row("preset missing", evaluate("data: null"), f"{CONFIG}: preset is missing"),
    Row(
        "preset a list", evaluate("preset: [tiny]"), f"{CONFIG}: preset should be a val"
    ),
    Row(
        "recipe a list", evaluate("preset: a\nrecipe: [1]"), f"{CONFIG}: recipe should"
    ),
    Row(
        "recipe of mappings",
        evaluate("preset: a\nrecipe: {epochs: {a: 1}}"),
        f"{CONFIG}: recipe: epochs is .*, which no recipe holds",
    ),
    Row(
        "seed a text", evaluate("preset: a\nseed: x"), f"{CONFIG}: seed should be a val"
    ),
    Row(
        "data a list",
        evaluate("preset: a\ndata: [b]", data=None),
        "no data; it must be",
    ),
    Row(
        "data of other keys",
        evaluate("preset: a\ndata: {foo: b}", data=None),
        r"data has the keys \['foo'\]; give captions and regions",
    ),
    Row(
        "data of pictures with a backbone of another kind",
        evaluate(
            "preset: a\ndata: {captions: a, images: b, backbone: {size: 3}}", data=None
        ),
        r"backbone of data is \{'size': 3\}; it must have size and grid",
    ),
    Row(
        "distill on features of another width",
        lambda folder: [
            *("distill", folder / "run", "--out", folder / "out" / "run2"),
            *("--data", folder / "narrow"),
        ],
        "The regions have 5 features each and the model of .*run takes 8",
    ),
    Row("--seed -1", evaluate(None, "--seed", -1), "--seed=-1 must be 0 or more"),
    Row("history.json no JSON", resume("{"), r"run/history\.json is not JSON: "),
    Row(
        "history.json of texts",
        resume('{"loss": ["a"]}'),
        r"run/history\.json: loss\.0 should be a valid number; received 'a'",
    ),
    Row(
        "history.json NaN", resume('{"loss": [NaN]}'), r"history\.json holds NaN, which"
    ),
    Row(
        "history.json of two lengths",
        resume(json.dumps({"loss": [1.0], "val_rsum": [1.0, 2.0]})),
        r"history\.json: the lists differ in length: \{'loss': 1, 'val_rsum': 2\}",
    ),
    Row(
        "a recipe of another version",
        evaluate(
            "preset: tiny\nrecipe: {warm: 3, drop: [1, 2], how: x}\nnew: {a: 1}\n"
        ),
        "val: 12 images, 24 captions",
        finishes=True,
    ),
]


@pytest.mark.slow
@parametrize(LISTED + NEIGHBORS)
def test_a_damaged_run_is_refused(row, world, tmp_path, capsys):
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    check_row(row, tmp_path, capsys)
