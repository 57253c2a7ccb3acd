"""A fresh process for `search_index.py`: opens, searches, prints what it took as JSON."""

import argparse
import functools
import json
from pathlib import Path

import numpy as np
from clustered import pooled
from timed_queries import memory, timed

TOP = 10
_IMAGES_AT_ONCE = 1024


def main():
    """Prints a list of one row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=["engine", "scan"])
    parser.add_argument("--candidates", default="200", help="or all")
    parser.add_argument("--dtype", default="float32", help="of a scan's vectors")
    args = parser.parse_args()
    queries = list(np.load(args.folder / "sentences.npy"))
    if args.what == "scan":
        name, found = f"scan, NumPy, {args.dtype}", scan(args, queries)
    else:
        name, found = f"{args.candidates} candidates", engine(args, queries)
    print(json.dumps([{"search": name, **found}]))


def engine(args, queries):
    """The plan of our index, without encoding; and with payload and regions of hits."""
    from keras_teran.search import IMAGES
    from keras_teran.search.qdrant import EmbeddedEngine

    empty = memory("RssAnon")
    opened = EmbeddedEngine(args.folder)
    handed_on = None if args.candidates == "all" else int(args.candidates)
    vectors = {id(query): pooled(query[None])[0] for query in queries}

    def search(query):
        return opened.nearest(IMAGES, vectors[id(query)], query, TOP, handed_on, {})

    def with_hits(query):
        ids = [point_id for point_id, _ in search(query)]
        return opened.retrieve(IMAGES, ids, members=True, payload=True)

    found = timed(search, queries)
    found["p50 with hits, ms"] = timed(with_hits, queries[:50])["p50, ms"]
    return found | used(empty)


def scan(args, queries):
    """Every image by blocks of matrix products, the vectors in memory."""
    file = np.load(args.folder / "vectors.npy", mmap_mode="r")
    empty = memory("RssAnon")
    vectors = np.array(file, args.dtype)
    found = timed(functools.partial(scanned, vectors), queries)
    return found | {"p50 with hits, ms": found["p50, ms"]} | used(empty)


def scanned(vectors, query):
    """The ids of the best `TOP`, best first."""
    scores = np.empty(len(vectors), "float32")
    for start in range(0, len(vectors), _IMAGES_AT_ONCE):
        block = vectors[start : start + _IMAGES_AT_ONCE].astype("float32", copy=False)
        cosines = query @ block.reshape(-1, block.shape[2]).T
        best = cosines.reshape(len(query), len(block), -1).max(axis=2)
        scores[start : start + _IMAGES_AT_ONCE] = best.sum(axis=0)
    best = np.argpartition(-scores, TOP)[:TOP]
    return best[np.argsort(-scores[best])]


def used(empty):
    """Memory now; of it, what came since `empty`."""
    own = memory("RssAnon")
    return {
        "anonymous, MiB": own,
        "of it since opening": own - empty,
        "mapped files, MiB": memory("RssFile"),
    }


if __name__ == "__main__":
    main()
