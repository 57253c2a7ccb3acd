"""The example that encodes a corpus in parallel, on the embedded scenes."""

import importlib.util
import os
import subprocess
import sys

import pytest
from support.paths import ROOT
from support.search_index import write_run

from keras_teran.data.scenes._embedded import embedded
from keras_teran.run import write_config
from keras_teran.search import Index, Shards

pytest.importorskip("qdrant_edge", reason="needs the embedded engine")

IMAGES = 240  # of the test split
with_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="needs Ray: pip install 'keras-teran[ray]'",
)


def encode(run, folder, *options):
    """Runs the example as a user does, and gives what it printed."""
    command = [sys.executable, ROOT / "examples" / "encode_corpus_ray.py", run, folder]
    found = subprocess.run(
        [*map(str, command), *map(str, options), "--images-a-shard", "32"],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.mark.process
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=with_ray)])
def test_a_corpus_is_encoded_resumed_and_indexed(tmp_path, workers):
    run, folder, index = (tmp_path / name for name in ("run", "shards", "index"))
    write_run(run, region_dim=80)
    write_config(run, {"preset": "tiny", "data": "embedded"})
    printed = encode(run, folder, "--workers", workers)
    assert "240 images; shards to write: 8" in printed  # ceil(240 / 32)
    assert len(Shards(folder).image_ids) == IMAGES
    (folder / "000003").rename(tmp_path / "lost")
    printed = encode(run, folder, "--workers", workers, "--index", index)
    assert "240 images; shards to write: 1" in printed
    assert f"{folder}: 32 images encoded" in printed
    scenes = embedded("test")
    with Index.open(index) as opened:
        assert opened.counts["images"] == IMAGES
        hits = opened.search("a red ring", top=5, exact=True)
        ids = scenes.captions.image_ids
        _, scores = opened.matcher.rank(scenes.regions.read(ids), "a red ring")
    assert [hit.score for hit in hits] == pytest.approx(scores[:5].tolist(), abs=1e-2)
    assert hits[0].payload["filename"] in scenes.captions.filenames
