"""Checkpoints as the authors' code lays them out, without PyTorch.

The names and shapes are those of the reference checkpoint, spelled out here a second
time, so that the table in the package is held to them.
"""

import argparse
import collections
import copy
import io
import pickle
import zipfile

import numpy as np

from keras_teran.conversion._checkpoint import Checkpoint

ROOT = "img_txt_enc."
BERT = ROOT + "txt_enc.bert_model."
CONFIG = {
    "dataset": {"name": "coco", "pre-extracted-features": False},
    "image-model": {
        "name": "bottomup",
        "transformer-layers": 2,
        "dropout": 0.1,
        "pos-encoding": "concat-and-process",
        "feat-dim": 12,
    },
    "text-model": {
        "name": "bert",
        "pretrain": "bert-base-uncased",
        "word-dim": 16,
        "extraction-hidden-layer": 2,
        "pre-extracted": False,
        "layers": 0,
    },
    "model": {
        "name": "teran",
        "embed-size": 8,
        "text-aggregation": "first",
        "image-aggregation": "first",
        "layers": 1,
        "exclude-stopwords": False,
        "shared-transformer": False,
        "dropout": 0.2,
    },
    "training": {
        "loss-type": "alignment",
        "alignment-mode": "MrSw",
        "measure": "dot",
        "margin": 0.2,
    },
}
TOKENS, POSITIONS, BERT_FEEDFORWARD = 30, 20, 24


def config_with(section=None, key=None, value=None):
    config = copy.deepcopy(CONFIG)
    if section:
        config[section][key] = value
    return config


def linear(name, outputs, inputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name, dim):
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}


def encoder(name, layers, dim):
    shapes = {}
    for index in range(layers):
        layer = f"{name}.layers.{index}."
        shapes |= {
            f"{layer}self_attn.in_proj_weight": (3 * dim, dim),
            f"{layer}self_attn.in_proj_bias": (3 * dim,),
            **linear(f"{layer}self_attn.out_proj", dim, dim),
            **linear(f"{layer}linear1", 2048, dim),
            **linear(f"{layer}linear2", dim, 2048),
            **norm(f"{layer}norm1", dim),
            **norm(f"{layer}norm2", dim),
        }
    return shapes


def bert(layers, dim, name=BERT):
    shapes = {
        f"{name}embeddings.word_embeddings.weight": (TOKENS, dim),
        f"{name}embeddings.position_embeddings.weight": (POSITIONS, dim),
        f"{name}embeddings.token_type_embeddings.weight": (2, dim),
        **norm(f"{name}embeddings.LayerNorm", dim),
    }
    for index in range(layers):
        layer = f"{name}encoder.layer.{index}."
        for part in ("query", "key", "value"):
            shapes |= linear(f"{layer}attention.self.{part}", dim, dim)
        shapes |= linear(f"{layer}attention.output.dense", dim, dim)
        shapes |= norm(f"{layer}attention.output.LayerNorm", dim)
        shapes |= linear(f"{layer}intermediate.dense", BERT_FEEDFORWARD, dim)
        shapes |= linear(f"{layer}output.dense", dim, BERT_FEEDFORWARD)
        shapes |= norm(f"{layer}output.LayerNorm", dim)
    return shapes | linear(f"{name}pooler.dense", dim, dim)


def shapes_of(config):
    regions, words = config["image-model"]["feat-dim"], config["text-model"]["word-dim"]
    joint, layers = config["model"]["embed-size"], config["model"]["layers"]
    image_layers = config["image-model"]["transformer-layers"]
    image = ROOT + "img_enc."
    shapes = {
        **bert(config["text-model"]["extraction-hidden-layer"], words),
        ROOT + "txt_enc.word_embeddings.weight": (TOKENS, words),
        **linear(ROOT + "txt_enc.map", joint, words),
        **encoder(image + "transformer_encoder", image_layers, regions),
        **linear(image + "pos_encoding_image.map.0", regions, regions + 5),
        **linear(image + "pos_encoding_image.map.2", regions, regions),
        **linear(image + "fc", joint, regions),
        **linear(ROOT + "img_proj", joint, regions),
        **linear(ROOT + "cap_proj", joint, words),
        **encoder(ROOT + "transformer_encoder_1", layers, joint),
    }
    if not config["model"]["shared-transformer"]:
        shapes |= encoder(ROOT + "transformer_encoder_2", layers, joint)
    return shapes


def drawn(shapes, seed=0):
    """Random float32 tensors of these names and shapes."""
    generator = np.random.default_rng(seed)
    return {
        name: generator.normal(scale=0.3, size=shape).astype("float32")
        for name, shape in shapes.items()
    }


def drawn_checkpoint(config=None, seed=0):
    """A `Checkpoint` of random tensors; the word embeddings are there twice."""
    config = config or config_with()
    state = drawn(shapes_of(config), seed)
    tokens = state[BERT + "embeddings.word_embeddings.weight"]
    state[ROOT + "txt_enc.word_embeddings.weight"] = tokens
    opt = {"num_epochs": 30, "logger_name": "runs/teran"}
    return Checkpoint(state, config, {"epoch": 3, "Eiters": 12, "opt": opt})


def read_zip(path):
    """A `Checkpoint` of a file in the zip format, by a reader that knows four names."""
    with zipfile.ZipFile(path) as archive:
        (pickled,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
        content = _Reader(archive, pickled).load()
    about = {"epoch": content["epoch"], "Eiters": content["Eiters"]}
    about["opt"] = vars(content["opt"])
    return Checkpoint(dict(content["model"]), content["config"], about)


class _Reader(pickle.Unpickler):
    def __init__(self, archive, pickled):
        super().__init__(io.BytesIO(archive.read(pickled)))
        self.archive, self.folder = archive, pickled.removesuffix("data.pkl")

    def find_class(self, module, name):
        return {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("argparse", "Namespace"): argparse.Namespace,
            ("torch", "FloatStorage"): np.float32,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        }[module, name]

    def persistent_load(self, reference):
        _, dtype, key, *_ = reference
        return np.frombuffer(self.archive.read(f"{self.folder}data/{key}"), dtype)


def _tensor(storage, offset, shape, strides, *_):
    step = storage.itemsize
    return np.lib.stride_tricks.as_strided(
        storage[offset:], shape, [step * stride for stride in strides]
    )
