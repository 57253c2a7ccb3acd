"""A small export in every format, and ways to damage a copy of it."""

import json
import os
import shutil
from types import SimpleNamespace

import keras
from data_folder import write_data_folder
from tiny_models import tiny, tiny_tokenizer

from keras_teran.export import export
from keras_teran.manifest import MANIFEST, signed

CAPTIONS = ["a red square left of a blue disc", "there is one star and it is green"]
SUFFIX = {"savedmodel": "", "litert": ".tflite", "onnx": ".onnx"}
MADE = SimpleNamespace(export=None, data=None)


def make(tmp_path_factory):
    """Writes, once a session, `MADE.export` and `MADE.data`, which fit each other."""
    if MADE.export is None:
        root = tmp_path_factory.mktemp("damaged_exports")
        keras.utils.set_random_seed(0)
        data = write_data_folder(root / "data")
        export(tiny(), tiny_tokenizer(CAPTIONS, 120), root / "exported")
        MADE.export, MADE.data = root / "exported", data


def image_file(format_name="onnx"):
    return f"{format_name}/image_encoder{SUFFIX[format_name]}"


def damaged(damage):
    """A function that copies the export into a folder and damages it."""

    def build(folder):
        out = shutil.copytree(MADE.export, folder / "exported")
        damage(out)
        return out

    return build


def manifest(change, sign=True):
    """Changes the manifest; `sign` as one would who wants to be believed."""

    def damage(out):
        content = json.loads((out / MANIFEST).read_text())
        found = change(content)
        content = content if found is None else found
        if sign and isinstance(content, dict):
            content = signed(content)
        (out / MANIFEST).write_text(json.dumps(content))

    return damage


def artifact(key, value, number=0):
    return manifest(lambda m: m["artifacts"][number].__setitem__(key, value))


def text(content):
    return lambda out: (out / MANIFEST).write_text(content)


def content(file, change):
    """Changes the bytes of a file, and not its length unless `change` does."""

    def damage(out):
        path = out / file
        path.write_bytes(change(path.read_bytes()))

    return damage


def swap_hashes(m):
    first, second = (m["artifacts"][n]["files"] for n in (-1, -2))
    (a,), (b,) = first, second
    first[a], second[b] = second[b], first[a]


def other_files(m):
    m["artifacts"][-1]["files"] = m["artifacts"][-2]["files"]


def link_out(out):
    shutil.move(out / image_file(), out.parent / "elsewhere.onnx")
    (out / image_file()).symlink_to(out.parent / "elsewhere.onnx")


def fifo(file):
    def damage(out):
        (out / file).unlink()
        os.mkfifo(out / file)

    return damage


def reordered(data):
    lines = data.splitlines(keepends=True)
    return b"".join([*lines[:5], lines[6], lines[5], *lines[7:]])


def middle_bit(data):
    return (
        data[: len(data) // 2]
        + bytes([data[len(data) // 2] ^ 1])
        + data[len(data) // 2 + 1 :]
    )


def nothing(out):
    """Leaves it whole."""
