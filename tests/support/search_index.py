"""Small runs and indexes for the tests of search, on either engine."""

import os
import uuid

import numpy as np

from keras_teran.data._source import open_split
from keras_teran.run import save_model, write_config
from keras_teran.search import _building as building
from keras_teran.search.qdrant import _server as cluster
from support.data_folder import write_data_folder
from support.tiny_models import tiny, tiny_tokenizer

SENTENCE = "there is one red ring and a black star"
# Where the tests' own server would be: qdrant-client's local mode stands in for it.
LOCAL_URL = "http://local-mode"


def write_run(folder, **overrides):
    folder.mkdir(parents=True)
    texts = ["a red ring", "there is one blue star and it is green", "black cross"]
    tiny_tokenizer(texts, 80).save(folder)
    save_model(tiny(**overrides), folder / "model.keras", include_optimizer=False)
    write_config(folder, {"preset": "tiny", "data": None})
    return folder


def write_run_of(folder, pooling, padding):
    """A run of a pooling and a padding; zero padding drops the last word, as it did."""
    return write_run(
        folder, pooling=pooling, padding=padding, drop_last_word=padding == "zero"
    )


def data(folder):
    """(captions, regions): 12 images of 1 to 4 regions, two captions each."""
    write_data_folder(folder)
    counts = np.array([1, 2, 3, 4] * 3)
    np.save(folder / "val" / "counts.npy", counts)
    return open_split(str(folder), "val")[:2]


def engine_name(kind, folder, monkeypatch):
    """The name of an engine: embedded, a local mode, or a server where there is one."""
    if kind == "embedded":
        return kind
    if url := os.environ.get("QDRANT_URL"):
        return url
    from qdrant_client import QdrantClient

    path = str(folder / f"server-{uuid.uuid4().hex[:8]}")
    monkeypatch.setattr(cluster, "connect", lambda url, key: QdrantClient(path=path))
    return LOCAL_URL


def build(tmp_path, run, engine, **options):
    captions, regions = data(tmp_path / "data")
    building.build(run, captions, regions, tmp_path / "index", engine, **options)
    return captions, regions, tmp_path / "index"
