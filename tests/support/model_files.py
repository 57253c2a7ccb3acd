"""Builders of `model.keras` files that are damaged, swapped or made to harm."""

import functools
import io
import json
import zipfile

import h5py
import keras
import numpy as np

from keras_teran.run import MODEL_FILE

# The RUN whose model is copied and damaged; a fixture puts it there.
RUNS = []
TOKENS = "caption_encoder/layers/bert_embedding/token/vars/0"


@functools.cache
def members():
    """Dict of the files in the RUN's model."""
    with zipfile.ZipFile(RUNS[0] / MODEL_FILE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def run_of(folder, files, method=zipfile.ZIP_STORED):
    """The RUN with a model of these files; the arguments that draw from it."""
    run = folder / "run"
    run.mkdir()
    for path in RUNS[0].iterdir():
        if path.name != MODEL_FILE:
            (run / path.name).write_bytes(path.read_bytes())
    pairs = files.items() if isinstance(files, dict) else files
    with zipfile.ZipFile(run / MODEL_FILE, "w", method) as archive:
        for name, content in pairs:
            archive.writestr(name, content)
    return ["align", run, "--out", folder / "a.png", "--caption", "a red ring"]


def with_config(change, method=zipfile.ZIP_STORED):
    """A row's builder: the described model is changed, in place or for another."""

    def build(folder):
        described = json.loads(members()["config.json"])
        described = change(described) or described
        return run_of(
            folder, members() | {"config.json": json.dumps(described)}, method
        )

    return build


def argument(name, value):
    return with_config(lambda described: described["config"].update({name: value}))


def named(module, class_name, config, **more):
    """Another class in the place of the model's."""
    found = {"module": module, "class_name": class_name, "config": config}
    return with_config(lambda _: {**found, "registered_name": None, **more})


def inside(value):
    """A foreign object where the model's dtype policy stands."""
    return argument("dtype", value)


def with_weights(change):
    """A row's builder: a function changes the open HDF5 file."""

    def build(folder):
        stream = io.BytesIO(members()["model.weights.h5"])
        with h5py.File(stream, "r+") as file:
            change(file)
        return run_of(folder, members() | {"model.weights.h5": stream.getvalue()})

    return build


def set_token(value):
    def change(file):
        file[TOKENS][3, 2] = value

    return with_weights(change)


def filled(file):
    del file[TOKENS]
    file.create_dataset(TOKENS, (10**6, 10**6), "float32", chunks=(1000, 1000))


def flat_fill(file):
    del file[TOKENS]
    file.create_dataset(TOKENS, (200, 8), "float32", chunks=(200, 8))


def compressed(file):
    del file[TOKENS]
    zeros = np.zeros((4000, 4000), "float32")
    file.create_dataset(TOKENS, data=zeros, compression="gzip")


def linked(file):
    del file[TOKENS]
    file[TOKENS] = h5py.ExternalLink("other.h5", "/token")


def looped(file):
    file["caption_encoder/loop"] = h5py.SoftLink("/caption_encoder")


def elsewhere(file):
    del file[TOKENS]
    file.create_dataset(
        TOKENS, (200, 8), "float32", external=[("/etc/passwd", 0, 6400)]
    )


def texts(file):
    del file[TOKENS]
    file.create_dataset(TOKENS, data=np.full((200, 8), b"a"))


def reshaped(file):
    del file[TOKENS]
    file.create_dataset(TOKENS, data=np.zeros((8, 200), "float32"))


def without(name):
    def change(file):
        del file[name]

    return with_weights(change)


def whole(change):
    """A row's builder: the file's bytes are changed."""

    def build(folder):
        asked = run_of(folder, members())
        path = folder / "run" / MODEL_FILE
        path.write_bytes(change(path.read_bytes()))
        return asked

    return build


def dropped(*names):
    return lambda folder: run_of(
        folder, {n: c for n, c in members().items() if n not in names}
    )


def added(name, content):
    return lambda folder: run_of(folder, [*members().items(), (name, content)])


def packed_zeros(folder):
    files = members() | {"model.weights.h5": bytes(2**27)}
    return run_of(folder, files, zipfile.ZIP_DEFLATED)


def sequential(_):
    layers = [keras.layers.Dense(2, name="dense")]
    described = keras.saving.serialize_keras_object(keras.Sequential(layers))
    return described
