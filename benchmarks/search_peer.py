"""LanceDB's late-interaction index of the vectors of `search_index.py`, in a process.

    python benchmarks/search_peer.py FOLDER --build
    python benchmarks/search_peer.py FOLDER

LanceDB keeps a list of vectors a row and searches it by MaxSim over an IVF_PQ index; only
NumPy and LanceDB are imported. Settings differ in how many partitions are probed and how
many rows are scored again with the whole vectors (`refine`). Recall is of its ten best,
against a scan of the same synthetic vectors: what a setting is worth, and no more.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import lancedb
import numpy as np
import pyarrow
from search_probe import TOP, scanned, used
from timed_queries import memory, timed

SETTINGS = ((4, 1), (16, 10), (64, 50))
_QUERIES = 20
_IMAGES_AT_ONCE = 8_192


def main():
    """Builds, or prints a list of rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--build", action="store_true")
    args = parser.parse_args()
    done = args.folder / "lance.json"
    if args.build and not done.is_file():
        done.write_text(json.dumps(build(args.folder)))
    facts = json.loads(done.read_text())
    print(json.dumps([facts] if args.build else search(args.folder)))


def build(folder):
    """Seconds and bytes of the index."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    place = folder / "lance"
    shutil.rmtree(place, ignore_errors=True)
    started = time.perf_counter()
    table = lancedb.connect(place).create_table("images", tables(vectors))
    stored = time.perf_counter() - started
    table.create_index(
        metric="cosine",
        vector_column_name="members",
        index_type="IVF_PQ",
        num_partitions=max(64, int(np.sqrt(len(vectors) * vectors.shape[1])) // 4),
        num_sub_vectors=vectors.shape[2] // 8,
    )
    size = sum(p.stat().st_size for p in place.rglob("*") if p.is_file())
    return {
        "lancedb": lancedb.__version__,
        "storing, s": round(stored, 1),
        "index, s": round(time.perf_counter() - started - stored, 1),
        "disk, bytes an image": size / len(vectors),
    }


def tables(vectors):
    """The images as Arrow tables, a block at a time."""
    count, regions, dim = vectors.shape
    for start in range(0, count, _IMAGES_AT_ONCE):
        block = np.asarray(vectors[start : start + _IMAGES_AT_ONCE])
        flat = pyarrow.FixedSizeListArray.from_arrays(block.reshape(-1), dim)
        ends = np.arange(0, len(block) * regions + 1, regions, dtype="int32")
        lists = pyarrow.ListArray.from_arrays(ends, flat)
        ids = np.arange(start, start + len(block))
        yield from pyarrow.table({"id": ids, "members": lists}).to_batches()


def search(folder):
    """A row a setting."""
    queries = list(np.load(folder / "sentences.npy")[:_QUERIES])
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    best = [set(scanned(vectors, query).tolist()) for query in queries]
    empty = memory("RssAnon")
    table = lancedb.connect(folder / "lance").open_table("images")
    rows = []
    for probes, refine in SETTINGS:

        def ask(query, probes=probes, refine=refine):
            asked = table.search(query, vector_column_name="members")
            asked = asked.distance_type("cosine").limit(TOP).nprobes(probes)
            return asked.refine_factor(refine).select(["id", "_distance"]).to_list()

        found = [{row["id"] for row in ask(query)} for query in queries]
        kept = [len(a & b) / TOP for a, b in zip(found, best, strict=True)]
        name = f"LanceDB, probes {probes}, refine {refine}, recall {np.mean(kept):.2f}"
        times = timed(ask, queries)
        rows.append(
            {"search": name}
            | times
            | {"p50 with hits, ms": times["p50, ms"]}
            | used(empty)
        )
    return rows


if __name__ == "__main__":
    main()
