"""Ranks by a cheap bound first: how much of the scoring it saves, and what it costs.

    python benchmarks/pruning.py RUN --data FOLDER [--directions 32,64]

A cosine is at most the product over the first k directions of a rotation plus the product
of the lengths of what is left (Cauchy and Schwarz): a dot product of k + 1 numbers. So
MrSw of vectors of k + 1 numbers bounds MrSw from above, and a pair changes no rank where
its bound is below both its caption's own score and its image's best. Only the other pairs
are scored in full. The rotation is that of the regions' principal directions, and the
bound is raised by 1e-3 for rounding. `ranks that differ`: pairs scored one by one and in
blocks differ in the last bit, which may turn the order of two that are as good as equal.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from harness import RESULTS, report

import keras_teran
from keras_teran.data import open_split
from keras_teran.evaluation import ranks, set_ranks
from keras_teran.similarity import all_pairs, pair_similarity

ROUNDING = 1e-3
PAIRS = 512


def main():
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="RUN folder of a trained model")
    parser.add_argument("--data", required=True, help="folder with val/")
    parser.add_argument("--directions", default="32,64,128", help="k, one by one")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    matcher = keras_teran.load(args.run)
    captions, regions, _ = open_split(args.data, "val")
    images = matcher.encode(regions.read(captions.image_ids))["region_embeddings"]
    words = matcher.encode(captions.captions)["word_embeddings"]
    owners = captions.caption_to_image
    expected = ranks(all_pairs(images, words), owners)
    started = time.perf_counter()
    set_ranks(images, words, owners)
    whole = time.perf_counter() - started
    rows = [row("(every pair)", whole, whole, 0.0, 100.0, 0)]
    for k in (int(k) for k in args.directions.split(",")):
        started = time.perf_counter()
        bound = upper_bounds(images, words, k)
        bounded = time.perf_counter() - started
        found, share = pruned(images, words, owners, bound)
        seconds = time.perf_counter() - started
        others = sum(
            int((one != other).sum())
            for one, other in zip(found, expected, strict=True)
        )
        rows.append(row(str(k), whole, seconds, bounded, 100 * share, others))
    report("pruning", rows, args.out, images=len(images), captions=len(words),
           dim=images.shape[2])  # fmt: skip


def row(name, whole, seconds, bounded, share, others):
    """One line of the table."""
    return {
        "bound of": name,
        "seconds": seconds,
        "of them the bound": bounded,
        "times every pair": whole / seconds,
        "pairs scored in full, %": share,
        "ranks that differ": others,
    }


def upper_bounds(images, words, k):
    """float32 (images, captions): no score of a pair is above its bound."""
    rotation = principal_directions(images)
    return ROUNDING + all_pairs(
        shortened(images @ rotation, k), shortened(words @ rotation, k)
    )


def pruned(images, words, owners, bound):
    """Ranks both ways, and the share of pairs that were scored in full."""
    everyone = np.arange(len(words))
    own = in_pairs(images, words, owners, everyone)
    best = np.full(len(images), -np.inf, "float32")
    np.maximum.at(best, owners, own)
    left, right = np.nonzero(bound >= np.minimum(best[:, None], own))
    scores = np.full(bound.shape, -1e9, "float32")
    scores[left, right] = in_pairs(images, words, left, right)
    scores[owners, everyone] = own
    return ranks(scores, owners), len(left) / bound.size


def principal_directions(images):
    """Orthogonal float32 (dim, dim), the direction of most variance first."""
    vectors = images.reshape(-1, images.shape[2])
    return np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1].astype("float32")


def shortened(vectors, k):
    """The first k numbers, and the length of what is left."""
    rest = np.linalg.norm(vectors[..., k:], axis=-1, keepdims=True)
    return np.concatenate([vectors[..., :k], rest], axis=-1)


def in_pairs(images, words, left, right):
    """float32 (pairs,): full scores, captions of about one length at a time."""
    real = words.any(axis=2)
    lengths = (real.shape[1] - real[:, ::-1].argmax(axis=1))[right]
    order = np.argsort(lengths, kind="stable")
    scores = np.empty(len(left), "float32")
    for start in range(0, len(left), PAIRS):
        some = order[start : start + PAIRS]
        some_words = words[right[some], : lengths[some[-1]]]
        scores[some] = pair_similarity(images[left[some]], some_words)
    return scores


if __name__ == "__main__":
    main()
