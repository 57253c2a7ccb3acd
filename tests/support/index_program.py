"""Builds an index and is killed, by SIGKILL, after a number of batches were written."""

import os
import signal
import sys
from pathlib import Path

from keras_teran.search import _building as building
from keras_teran.search.qdrant._edge import EmbeddedEngine
from support.search_index import data

run, folder, batches = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
building._BATCH = 5
written = []
upsert = EmbeddedEngine.upsert


def upsert_or_die(self, collection, points):
    if len(written) == batches:
        os.kill(os.getpid(), signal.SIGKILL)
    upsert(self, collection, points)
    written.append(collection)


EmbeddedEngine.upsert = upsert_or_die
building.build(run, *data(folder / "data"), folder / "index")
