"""Ranks by a cheap bound first: how much of the scoring it saves, and what it costs.

    python benchmarks/pruning.py RUN --data FOLDER

A cosine is at most the product over the first k directions of a rotation plus the product
of the lengths of what is left (Cauchy and Schwarz): a dot product of k + 1 numbers. So
MrSw of vectors of k + 1 numbers bounds MrSw from above, and a pair changes no rank where
its bound is below both its caption's own score and its image's best. Only the other pairs
are scored in full. The rotation is that of the regions' principal directions, and the
bound is raised by 1e-3 for rounding.
"""

import argparse
from pathlib import Path

import numpy as np
from harness import RESULTS, report, seconds_in_turns

import keras_teran
from keras_teran.alignment import pair_similarity
from keras_teran.data.splits import open_split
from keras_teran.evaluation.recall import ranks
from keras_teran.evaluation.set_ranks import set_ranks
from keras_teran.scoring import all_pairs

ROUNDING = 1e-3
PAIRS = 4096


def main():
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="RUN folder of a trained model")
    parser.add_argument("--data", required=True, help="folder with val/")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    matcher = keras_teran.load(args.run)
    captions, regions, _ = open_split(args.data, "val")
    images = matcher.encode(regions.read(captions.image_ids))["region_embeddings"]
    words = matcher.encode(captions.captions)["word_embeddings"]
    owners = captions.caption_to_image
    expected = ranks(all_pairs(images, words), owners)
    widths = [k for k in (16, 32, 64, 128) if k < images.shape[2]]
    ways = {"every pair": lambda: set_ranks(images, words, owners)}
    ways |= {str(k): lambda k=k: pruned(images, words, owners, k) for k in widths}
    seconds = seconds_in_turns(args.repeats, **ways)
    rows = [{"bound of": "(every pair)", "pairs scored in full, %": 100.0}]
    for k in widths:
        found, share = pruned(images, words, owners, k)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        rows.append({"bound of": str(k), "pairs scored in full, %": 100 * share})
    for row, value in zip(rows, seconds.values(), strict=True):
        row |= {"seconds": value, "times every pair": seconds["every pair"] / value}
    report("pruning", rows, args.out, images=len(images), captions=len(words),
           dim=images.shape[2])  # fmt: skip


def pruned(images, words, owners, k):
    """Ranks both ways, and the share of pairs that were scored in full."""
    rotation = principal_directions(images)
    bound = all_pairs(shortened(images @ rotation, k), shortened(words @ rotation, k))
    bound += ROUNDING
    own = in_pairs(images, words, owners, np.arange(len(words)))
    best = np.full(len(images), -np.inf, "float32")
    np.maximum.at(best, owners, own)
    left, right = np.nonzero(bound >= np.minimum(best[:, None], own))
    scores = np.full(bound.shape, -1e9, "float32")
    scores[left, right] = in_pairs(images, words, left, right)
    scores[owners, np.arange(len(words))] = own
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
    """float32 (pairs,): full scores."""
    parts = [
        np.asarray(pair_similarity(images[left[p]], words[right[p]]))
        for p in (slice(s, s + PAIRS) for s in range(0, len(left), PAIRS))
    ]
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
