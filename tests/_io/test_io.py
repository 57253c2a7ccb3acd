"""`_io`: what is no plain file of values is refused in one line, within bounds."""

import os
import struct
import zipfile

import numpy as np
import pydantic
import pytest

from keras_teran import _io


class Shape(pydantic.BaseModel, extra="forbid"):
    width: pydantic.PositiveInt
    names: list[str] = []


def refused(function, *arguments, **named):
    with pytest.raises((ValueError, OSError)) as caught:
        function(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_json_is_read_as_its_schema_says():
    assert _io.parse_json('{"width": 3}', "s", Shape) == Shape(width=3)
    assert _io.parse_json("[1, 2.5, null]", "s") == [1, 2.5, None]
    assert _io.parse_json(r'"\ud83d\ude00"', "s") == "😀"


@pytest.mark.parametrize(
    "text, says",
    {
        '{"width": true}': "s: width should be a valid integer; received True",
        '{"width": "3"}': "s: width should be a valid integer; received '3'",
        '{"width": 0}': "s: width should be greater than 0; received 0",
        '{"width": 3, "foo": 1}': "s: foo is a key that is not known here",
        "{}": "s: width is missing",
        '{"width": 3, "names": [1]}': "s: names.0 should be a valid string; received 1",
        "[]": "s should be a valid dictionary or instance of Shape; received []",
        '{"width": 3, "width": 4}': "s: the key 'width' occurs twice in one object",
        '{"width": NaN}': "s holds NaN, which is no number of JSON",
        '{"width": 1e400}': "s: the number 1e400 is too large",
        '{"width": ': "s is not JSON: Expecting value: line 1 column 11",
        "[" * 100_000: "s: lists or objects are nested too deep",
        "[" * 40 + "]" * 40: "s: lists or objects are nested over 32 deep",
        "1" * 5000: "s is not JSON: Exceeds the limit",
        "": "s is not JSON: Expecting value",
        r'{"a": "\ud83d"}': "s holds half of a surrogate pair, '\\ud83d'",
    }.items(),
    ids=lambda text: text[:20],
)
def test_other_json_is_refused_in_one_line(text, says):
    assert says in refused(_io.parse_json, text, "s", Shape)


@pytest.mark.parametrize(
    "text, says",
    {
        "a: !!python/object/apply:os.system ['x']": "line 1: could not determine a con",
        "a: &x [1]\nb: *x": "line 2: aliases (*) are not taken here",
        "a: &a [*a]": "line 1: aliases (*) are not taken here",
        "a: 1\na: 2": "line 2: the key 'a' occurs twice",
        "[" * 20_000: "line 1: nested over 32 deep",
        "a:\n  <<: 3": "line 2: merge keys (<<) are not taken here",
        "? [1, 2]\n: 3": "line 1: a key must be a text",
        "a: 1\n2: 3": "line 2: a key must be a text",
        "a: .nan": "holds nan; give a finite number",
        "a: b: c": "line 1: mapping values are not allowed here",
        "a: \x07": "special characters are not allowed",
    }.items(),
    ids=lambda text: text[:20],
)
def test_other_yaml_is_refused_in_one_line(text, says, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    assert says in refused(_io.read_yaml, path)


def test_yaml_is_read_again_as_it_was_written(tmp_path):
    twice = ["a", 1]
    value = {"z": twice, "a": twice, "text": "schön", "none": None, "yes": True}
    path = tmp_path / "c.yaml"
    path.write_text(_io.yaml_text(value), encoding="utf-8")
    assert _io.read_yaml(path) == value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_byte_order_mark_is_read(encoding, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("schön", encoding=encoding)
    assert _io.read_text(path) == "schön"


def test_text_in_another_encoding_names_the_line(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(b"one\ntwo \xff\n")
    assert refused(_io.read_text, path) == (
        f"{path} is not UTF-8: byte 8, line 2. Save it as UTF-8."
    )


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert "no regular file" in refused(_io.read_text, tmp_path / "fifo")
    assert "is a folder" in refused(_io.read_text, tmp_path)
    assert "There is no file" in refused(_io.read_text, tmp_path / "gone")
    assert refused(_io.read_text, tmp_path / "gone", missing="Make it.") == "Make it."
    (tmp_path / "long").write_text("12345")
    assert "has 5 bytes; at most 4" in refused(_io.read_text, tmp_path / "long", 4)


def test_arrays_are_read_as_they_were_written(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True])}
    np.savez(tmp_path / "a.npz", **arrays, other=np.zeros(3))
    np.savez_compressed(tmp_path / "c.npz", a=np.asfortranarray(arrays["a"]))
    found = _io.read_npz(tmp_path / "a.npz", "x", ["a"], ["b", "c"])
    assert found.keys() == {"a", "b"}
    np.testing.assert_array_equal(found["a"], arrays["a"])
    content = (tmp_path / "c.npz").read_bytes()
    np.testing.assert_array_equal(_io.read_npz(content, "x", ["a"])["a"], arrays["a"])


def header(shape, dtype="<f4"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def archive(path, content, method=zipfile.ZIP_DEFLATED, times=1):
    with zipfile.ZipFile(path, "w", method) as file:
        for _ in range(times):
            file.writestr("a.npy", content)


@pytest.mark.seconds
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_that_lie_are_refused_before_they_are_unpacked(tmp_path):
    path = tmp_path / "a.npz"

    def said(**named):
        return refused(_io.read_npz, path, "x", ["a"], **named)

    archive(path, header("(800000000000,)"))
    assert "which is not its shape (800000000000,)" in said()
    archive(path, header("(2**9,)"))
    assert "is no .npy array" in said()
    archive(path, header("(1,)", "|O") + b"12345678")
    assert "received object" in said()
    archive(path, header("(25000000,)") + bytes(10**8))
    assert "over 1,000" in said(most=1000)
    archive(path, header("(1,)") + bytes(4), times=2)
    assert "holds the array 'a' twice" in said()
    archive(path, header("(1,)") + bytes(4), zipfile.ZIP_LZMA)
    assert "packed by method 14" in said()
    archive(path, header("(1,)") + bytes(4))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    for place, flag in ((at + 8, 1), (data.index(b"PK\x03\x04") + 6, 1)):
        data[place] |= flag
    path.write_bytes(data)
    assert "encrypted" in said()
    path.write_bytes(data[:60])
    assert "is no .npz file, or a damaged one" in said()
    np.savez(path, b=np.zeros(1))
    assert said() == "x lacks the arrays a; it holds ['b']."


def test_a_npy_file_of_anything_but_numbers_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array(["text"]))
    assert "received <U4" in refused(_io.map_npy, path)
    np.save(path, np.array([None]), allow_pickle=True)
    assert "no plain .npy file" in refused(_io.map_npy, path)
    path.write_bytes(header("(800000000000,)"))
    assert "truncated" in refused(_io.map_npy, path)
    np.savez(tmp_path / "b.npz", a=np.zeros(1))
    assert "is an .npz archive" in refused(_io.read_npy, tmp_path / "b.npz")
    np.save(path, np.zeros(100))
    assert "holds 800 bytes, over 99" in refused(_io.read_npy, path, 99)
    assert _io.read_npy(path).sum() == 0


def test_values_are_shown_short():
    assert _io.shown("a\nb") == r"'a\nb'"
    assert len(_io.shown("x" * 10**7)) == 80
    assert _io.shown(list(range(10**6))) == "a list of 1,000,000"
    assert _io.shown(10**5000) == "a int"


def test_the_file_at_hand_is_noted_once():
    with pytest.raises(KeyError) as caught, _io.at_hand("outer"), _io.at_hand("inner"):
        raise KeyError("x")
    assert caught.value.at_hand == "inner"
