"""Builders of hostile checkpoints, for a stand-in of PyTorch to load."""

import argparse
import os
import zipfile

import numpy as np

from support.original_layout import BERT, ROOT, TOKENS, config_with, drawn_checkpoint

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LOADED = []
WORDS = f"{BERT}embeddings.word_embeddings.weight"
BIAS = f"{ROOT}img_proj.bias"


class Tensor:
    """A tensor of PyTorch as far as it is asked: an array, or an error."""

    def __init__(self, array=None, error=None):
        self.array, self.error = array, error

    def detach(self):
        return self

    def numpy(self):
        if self.error:
            raise TypeError(self.error)
        return self.array


def write(folder, content, size=2**22):
    """A file of that content; the arguments that convert it."""
    LOADED[:] = [content]
    path = folder / "model.pth"
    with open(path, "wb") as file:
        file.truncate(size)
    words = [*SPECIAL, *(f"word{row}" for row in range(TOKENS - len(SPECIAL)))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return ["convert", path, folder / "out" / "run"]


def content(config=None, **more):
    drawn = drawn_checkpoint(config)
    state = {name: Tensor(array) for name, array in drawn.state.items()}
    opt = argparse.Namespace(num_epochs=30)
    return {"model": state, "config": drawn.config, "epoch": 3, "opt": opt, **more}


def changed(change):
    """What writes the plain checkpoint after `change(content)`."""

    def build(folder):
        found = content()
        change(found)
        return write(folder, found)

    return build


def with_value(section, key, value):
    """The tensors of the plain configuration, and one value of it changed."""
    return with_content(config=config_with(section, key, value))


def with_section(section, value):
    return changed(lambda found: found["config"].update({section: value}))


def with_tensor(name, tensor):
    return changed(lambda found: found["model"].update({name: tensor}))


def with_content(**more):
    return lambda folder: write(folder, content() | more)


def spoiled(name, value):
    def change(found):
        found["model"][name].array[..., 1] = value

    return changed(change)


def shared_lists():
    value = []
    for _ in range(40):
        value = [value, value]
    return value


def fifo(folder):
    asked = write(folder, content())
    asked[1].unlink()
    os.mkfifo(asked[1])
    return asked


def a_folder(folder):
    asked = write(folder, content())
    asked[1].unlink()
    asked[1].mkdir()
    return asked


def archive(name, size):
    """A file in the zip format whose one entry unpacks to far more than it has."""

    def build(folder):
        asked = write(folder, content())
        with zipfile.ZipFile(asked[1], "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(name, bytes(size))
        return asked

    return build


def cut(folder):
    asked = archive("model/data.pkl", 10**5)(folder)
    asked[1].write_bytes(asked[1].read_bytes()[:60])
    return asked


def repeated(folder):
    """One number that says it is ten billion: PyTorch lets strides be 0."""
    found = content()
    many = np.lib.stride_tricks.as_strided(np.zeros(1, "float32"), (10**5,) * 2, (0, 0))
    found["model"][f"{ROOT}txt_enc.map.weight"] = Tensor(many)
    return write(folder, found)
