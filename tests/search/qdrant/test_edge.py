"""The embedded engine: its log stays small, and how its first stage searches."""

import numpy as np
import pytest

from keras_teran.search._schema import IMAGES, Point, Schema
from keras_teran.search.qdrant import _edge as embedded
from keras_teran.search.qdrant._edge import EmbeddedEngine

SEGMENT = 32 * 2**20  # the log's files


def log_bytes(folder):
    """What the log takes on the disk, holes not counted."""
    files = (folder / IMAGES / "wal").iterdir()
    return sum(path.stat().st_blocks * 512 for path in files)


@pytest.mark.slow
@pytest.mark.parametrize(("flushed", "small"), [(2**23, True), (2**40, False)])
def test_the_log_keeps_only_what_was_written_since_the_last_flush(
    tmp_path, monkeypatch, flushed, small
):
    """24 × 16 × 256 × 256 numbers, 4 bytes each, are 96 MiB, three files of the log."""
    monkeypatch.setattr(embedded, "_FLUSH_BYTES", flushed)
    engine = EmbeddedEngine(tmp_path)
    engine.create(Schema(256, "float16"))
    members = np.random.default_rng(0).normal(size=(256, 256)).astype("float32")
    for batch in range(24):
        ids = range(16 * batch, 16 * batch + 16)
        engine.upsert(IMAGES, [Point(i, members[0], members, {}) for i in ids])
    size = log_bytes(tmp_path)
    assert size <= 2 * SEGMENT if small else size > 2.5 * SEGMENT
    engine.close()
    again = EmbeddedEngine(tmp_path)
    assert again.count(IMAGES) == 384
    again.close()


def test_the_first_stage_compares_all_of_few_and_searches_a_graph_widely_of_many(
    tmp_path, monkeypatch
):
    engine = EmbeddedEngine(tmp_path)
    engine.create(Schema(4))
    vector = np.ones(4, "float32")
    engine.upsert(IMAGES, [Point(i, vector, vector[None], {}) for i in range(3)])
    asked = [(200, {}), (200, {"kind": ["dog"]})]
    few = [engine._width(IMAGES, *question) for question in asked]
    assert [(own.exact, own.hnsw_ef) for own in few] == [(True, None), (False, 2000)]
    monkeypatch.setattr(embedded, "_MOST_COMPARED", 2)
    many = engine._width(IMAGES, 200, {})
    assert (many.exact, many.hnsw_ef) == (False, 2000)
    engine.close()
