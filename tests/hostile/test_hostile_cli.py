"""Hostile command lines: wrong kinds of numbers, texts and paths."""

import os

import pytest
from support.hostile_rows import Row, check_row, parametrize


def given(*arguments):
    """A command line whose `{}` are the folder of the test."""
    return lambda folder: [str(part).replace("{}", str(folder)) for part in arguments]


def beside(kind, *arguments):
    """The same, with something else than a file at `x` in the folder."""

    def build(folder):
        if kind == "folder":
            (folder / "x").mkdir()
        elif kind == "fifo":
            os.mkfifo(folder / "x")
        else:
            (folder / "x").write_bytes(bytes(range(256)))
        return given(*arguments)(folder)

    return build


NO_FILE = r"x is no regular file; give another path to write\.$"
NO_FOLDER = "x is no folder; give another folder to write"
ROWS = [
    Row("no command", given(), "required: COMMAND; `keras-teran --help` shows"),
    Row("an unknown command", given("trian"), "invalid choice: 'trian'"),
    Row("an unknown option", given("train", "{}/r", "--epoch-s", "3"), "--epoch-s 3;"),
    Row("epochs a text", given("train", "{}/r", "--epochs", "x"), "int value: 'x'"),
    Row("epochs 1.5", given("train", "{}/r", "--epochs", "1.5"), "int value: '1.5'"),
    Row("epochs NaN", given("train", "{}/r", "--epochs", "nan"), "int value: 'nan'"),
    Row(
        "epochs of 5,000 digits",
        given("train", "{}/r", "--epochs", "9" * 5000),
        "argument --epochs: invalid int value: '9{100}",
    ),
    Row(
        "an option of two lines",
        given("train", "{}/r", "--seed", "1\n2"),
        r"--seed: invalid int value: '1\\n2'",
    ),
    Row("train: RUN empty", given("train", ""), "run is an empty text; give one"),
    Row(
        "evaluate: one RUN of two empty",
        given("evaluate", "{}/r", ""),
        "runs is an empty text",
    ),
    Row(
        "train: --config empty",
        given("train", "{}/r", "--config", ""),
        "config is an empty text",
    ),
    Row(
        "train: --caption-backbone empty",
        given("train", "{}/r", "--caption-backbone", ""),
        "caption-backbone is an empty text",
    ),
    Row("search: sentence empty", given("search", "{}/ix", ""), "sentence is an empty"),
    Row("export: --out empty", given("export", "{}/r", "--out", ""), "out is an empty"),
    Row("RUN with a zero byte", given("evaluate", "{}/a\0b"), r"a\?b is not a RUN"),
    Row("RUN of 5,000 letters", given("evaluate", "{}/" + "a" * 5000), "too long"),
    Row(
        "RUN with a control sequence",
        given("evaluate", "{}/\x1b[31m\n"),
        r"/\?\[31m is not a RUN",
    ),
    Row("RUN is a file", beside("file", "evaluate", "{}/x"), "x is not a RUN"),
    Row("RUN is a FIFO", beside("fifo", "evaluate", "{}/x"), "x is not a RUN"),
    Row("RUN is below a file", beside("file", "align", "{}/x/y"), "is not a RUN"),
    Row(
        "evaluate: --json a folder",
        beside("folder", "evaluate", "{}/r", "--json", "{}/x"),
        NO_FILE,
    ),
    Row(
        "evaluate: --json a FIFO",
        beside("fifo", "evaluate", "{}/r", "--json", "{}/x"),
        NO_FILE,
    ),
    Row(
        "evaluate: --json below a file",
        beside("file", "evaluate", "{}/r", "--json", "{}/x/y"),
        "There is no folder for .*x/y: make it first",
    ),
    Row(
        "align: --out a folder",
        beside("folder", "align", "{}/r", "--out", "{}/x"),
        NO_FILE,
    ),
    Row(
        "align: --out a FIFO", beside("fifo", "align", "{}/r", "--out", "{}/x"), NO_FILE
    ),
    Row("train: RUN a file", beside("file", "train", "{}/x"), NO_FOLDER),
    Row("train: RUN below a file", beside("file", "train", "{}/x/y/z"), NO_FOLDER),
    Row("convert: OUT a FIFO", beside("fifo", "convert", "{}/c", "{}/x"), NO_FOLDER),
    Row(
        "data prepare: --out below a file",
        beside("file", "data", "prepare", "{}", "--captions", "c", "--out", "{}/x/y"),
        NO_FOLDER,
    ),
    Row(
        "align: --out in no folder",
        given("align", "{}/r", "--out", "{}/no/x.png"),
        "There is no folder for .*no/x.png",
    ),
]


@parametrize(ROWS)
def test_a_hostile_command_line_is_one_line(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_the_rows_build_what_they_say(kind, tmp_path):
    beside(kind, "evaluate")(tmp_path)
    assert not (tmp_path / "x").is_file()
