"""What is written appears whole or not at all."""

import json
import os
import subprocess
import sys

import pytest

from keras_teran._io._writing import (
    put_in_place,
    whole_file,
    whole_folder,
    write_json,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_place_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
        assert aside.suffix == ".txt"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), whole_file(path) as aside:
        aside.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_takes_its_place_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "out"
    with whole_folder(path) as aside:
        (aside / "a").write_text("1")
        assert not path.exists()
    assert names(path) == ["a"]
    with whole_folder(path, replace=True) as aside:
        (aside / "b").write_text("2")
        assert names(path) == ["a"]
    assert names(path) == ["b"]
    assert names(path.parent) == ["out"]


def test_a_folder_that_is_in_use_stays_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "out"
    path.mkdir()
    (path / "a").write_text("1")
    with pytest.raises(OSError), whole_folder(path) as aside:
        (aside / "b").write_text("2")
    with pytest.raises(KeyboardInterrupt), whole_folder(path, replace=True) as aside:
        (aside / "b").write_text("2")
        raise KeyboardInterrupt
    assert names(path) == ["a"]
    assert names(tmp_path) == ["out"]


@pytest.mark.process
@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_what_a_dead_process_left_goes_and_what_a_living_one_writes_stays(
    whole, tmp_path
):
    with whole(tmp_path / "out") as aside:
        name = aside.name
        if whole is whole_file:
            aside.touch()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getppid()):
        (tmp_path / name.replace(str(os.getpid()), str(process))).mkdir()
    with whole(tmp_path / "out") as aside:
        if whole is whole_file:
            aside.touch()
    living = name.replace(str(os.getpid()), str(os.getppid()))
    assert names(tmp_path) == sorted([living, "out"])


def test_what_was_begun_beside_a_path_takes_its_place(tmp_path):
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "a").touch()
    (tmp_path / "out").mkdir()  # Empty: it gives way.
    put_in_place(tmp_path / "begun", tmp_path / "out")
    assert names(tmp_path / "out") == ["a"]
    with pytest.raises(OSError) as caught:
        put_in_place(tmp_path / "gone", tmp_path / "other")
    assert caught.value.at_hand == str(tmp_path / "other")
    assert names(tmp_path) == ["out"]


def test_text_is_utf_8_and_json_is_ascii(tmp_path):
    write_text(tmp_path / "t", "schön")
    write_json(tmp_path / "j", {"a": "schön \udce9"})
    assert (tmp_path / "t").read_bytes() == "schön".encode()
    assert json.loads((tmp_path / "j").read_text("ascii")) == {"a": "schön \udce9"}
