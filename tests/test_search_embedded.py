"""The embedded engine's write-ahead log stays small, however large a build."""

import numpy as np
import pytest

from keras_teran.search import embedded
from keras_teran.search.embedded import EmbeddedEngine
from keras_teran.search.schema import IMAGES, Point, Schema

SEGMENT = 32 * 2**20  # the log's files


def log_bytes(folder):
    """What the log takes on the disk, holes not counted."""
    files = (folder / IMAGES / "wal").iterdir()
    return sum(path.stat().st_blocks * 512 for path in files)


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
