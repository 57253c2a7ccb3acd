"""How many candidates a search of photos needs, by the engine itself.

    python benchmarks/search_recall.py RUN --data FOLDER [--splits val,train]

RUN has a first stage worth having (`keras-teran distill`). Images are stored in our
embedded engine as float16, the captions of the first split asked as sentences, and what
comes back compared with the exhaustive scan (`all_pairs`, float32): recall@10, the share
of its ten best that are found, and the share kept of its R@1, R@5 and R@10. With more
splits the same sentences are asked among more images; a head was trained on those of
`train`.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from harness import RESULTS, report

import keras_teran
from keras_teran.data import open_split
from keras_teran.search import IMAGES, Point, Schema, pooled
from keras_teran.search.qdrant import EmbeddedEngine
from keras_teran.similarity import all_pairs

CANDIDATES = (10, 20, 50, 100, 200, 400)
TOP = 10
_BATCH = 256


def main():
    """Measures and reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="RUN folder, with a pooling head")
    parser.add_argument("--data", required=True, help="folder of the splits")
    parser.add_argument("--splits", default="val,train", help="(%(default)s)")
    parser.add_argument("--sentences", type=int, default=1000, help="(%(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    matcher = keras_teran.load(args.run)
    names = args.splits.split(",")
    captions, owners = asked(args.data, names[0], args.sentences)
    sentences = encoded(matcher, captions)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        engine = EmbeddedEngine(folder)
        engine.create(Schema(matcher.model.config["embedding_dim"], "float16"))
        images = []
        for name in names:
            _, regions, _ = open_split(args.data, name)
            first = sum(map(len, images))
            images.append(stored(engine, matcher, regions, first))
            engine.finish()
            rows += measured(engine, np.concatenate(images), sentences, owners)
        engine.close()
    report("search_recall", rows, args.out, sentences=len(captions), splits=args.splits)


def asked(data, split, count):
    """(captions, the rows of their images), evenly from all of the split's."""
    captions, regions, _ = open_split(data, split)
    row_of = {int(i): row for row, i in enumerate(regions.image_ids)}
    owners = captions.image_ids[captions.caption_to_image]
    chosen = np.unique(np.linspace(0, len(owners) - 1, count).astype(int))
    texts = [captions.captions[place] for place in chosen]
    return texts, np.array([row_of[int(owners[place])] for place in chosen])


def encoded(matcher, captions):
    """(words float32 (captions, words, dim), pooled vectors (captions, dim))."""
    outputs = matcher.encode(list(captions))
    return outputs["word_embeddings"], pooled(outputs)


def stored(engine, matcher, regions, first):
    """Puts a split's images into the engine, ids from `first`; their embeddings."""
    kept = []
    for start in range(0, len(regions.image_ids), _BATCH):
        arrays = regions.read(regions.image_ids[start : start + _BATCH])
        outputs = matcher.encode(arrays)
        members = outputs["region_embeddings"]
        points = [
            Point(first + start + row, vector, one[one.any(axis=1)], {})
            for row, (vector, one) in enumerate(
                zip(pooled(outputs), members, strict=True)
            )
        ]
        engine.upsert(IMAGES, points)
        kept.append(members)
    return np.concatenate(kept)


def measured(engine, images, sentences, owners):
    """A row a number of candidates: how much of the scan is left."""
    words, vectors = sentences
    exact = all_pairs(images, words).T
    best = np.argsort(-exact, axis=1, kind="stable")[:, :TOP]
    rows = []
    for candidates in CANDIDATES:
        found = np.full_like(best, -1)
        for place, (vector, query) in enumerate(zip(vectors, words, strict=True)):
            real = query[query.any(axis=1)]
            hits = engine.nearest(IMAGES, vector, real, TOP, candidates, {})
            found[place, : len(hits)] = [point_id for point_id, _ in hits]
        overlap = (found[:, :, None] == best[:, None, :]).any(axis=1)
        row = {"images": len(images), "candidates": candidates}
        row["recall@10, %"] = 100 * float(overlap.mean())
        for k in (1, 5, 10):
            ours, scan = recall(found, owners, k), recall(best, owners, k)
            row |= {f"R@{k} of the scan, %": 100 * scan, f"kept of R@{k}, %": 0.0}
            row[f"kept of R@{k}, %"] = 100 * ours / scan
        rows.append(row)
    return rows


def recall(found, owners, k):
    """Share of sentences whose own image is among their first k."""
    return float((found[:, :k] == owners[:, None]).any(axis=1).mean())


if __name__ == "__main__":
    main()
