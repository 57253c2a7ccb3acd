"""A run and an index of it to damage copies of."""

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from keras_teran.search import Index
from keras_teran.search._shards import plan_shards
from support.search_index import build, write_run

IMAGE = {"regions": np.zeros((1, 3, 8)), "boxes": np.tile([0.0, 0, 1, 1], (1, 3, 1))}


@functools.cache
def made():
    """A run, its data and an index of it, made once."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-search-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = write_run(folder / "run")
    _, regions, index = build(folder, run, "embedded")
    plan_shards(run, regions, folder / "shards", 5)
    return SimpleNamespace(run=run, data=folder / "data", index=index, top=folder)


@functools.cache
def opened():
    return Index.open(made().index)


def copy(folder):
    """A copy of the index, its holes kept."""
    target = folder / "copy"
    subprocess.run(["cp", "-r", "--sparse=always", made().index, target], check=True)
    return target
