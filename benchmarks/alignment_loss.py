"""The alignment loss, forward and backward, against the published formulation.

    python benchmarks/alignment_loss.py
    python benchmarks/alignment_loss.py --pairs 512 --contenders ours
    python benchmarks/alignment_loss.py --loss softmax

Both give the gradients of the hinge loss with hardest negatives, or of the softmax loss,
in which every score has one, to every region and word vector. `peak MiB` is how far a
process of its own grew at its highest while one ran. *limit* is the one product of the
forward pass and the two of the backward pass, for real regions and real words, with
nothing around them.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import tensorflow as tf
from expanded import expanded_similarity
from harness import arguments, report, resident, seconds_in_turns
from sets import encoded_captions, encoded_images

from keras_teran import Contrastive, Hinge
from keras_teran.similarity import similarity

LOSSES = {"hinge": Hinge(), "softmax": Contrastive(0.5)}


def main():
    """Times the contenders and reads their peak memory."""
    args = arguments(
        __doc__,
        pairs=128,
        regions=36,
        tokens=20,
        words=11,
        dim=1024,
        loss="hinge",
        contenders="expanded,ours,limit",
    )
    names = args.contenders.split(",")
    ways, real_words = contenders(args)
    seconds = seconds_in_turns(args.repeats, **{name: ways[name] for name in names})
    peaks = {
        name: in_a_process_of_its_own(peak_mebibytes, name, args) for name in names
    }
    base = next(iter(seconds))
    rows = [
        {
            "what": name,
            "seconds": value,
            f"times {base}": seconds[base] / value,
            "peak MiB": peaks[name],
            f"{base}'s memory, times": peaks[base] / max(peaks[name], 1),
        }
        for name, value in seconds.items()
    ]
    of_loss = "" if args.loss == "hinge" else f"_{args.loss}"
    report(
        f"alignment_loss{of_loss}_{args.pairs}",
        rows,
        args.out,
        pairs=args.pairs,
        regions=args.regions,
        tokens=args.tokens,
        real_words=real_words,
        dim=args.dim,
        loss=args.loss,
    )


def contenders(args):
    """Functions without arguments by name, and the number of real words."""
    regions = encoded_images(args.pairs, args.regions, args.dim)
    # The encoder leaves [CLS] and [SEP] as zeros at both ends.
    words, counts = encoded_captions(args.pairs, args.tokens - 2, args.words, args.dim)
    words = np.pad(words, ((0, 0), (1, 1), (0, 0)))
    ids = tf.range(args.pairs)
    region_counts = tf.fill((args.pairs,), args.regions)
    inner = tf.constant(words[:, 1:-1])
    given = tf.constant(regions), tf.constant(words)

    ways = {
        "expanded": gradients_of(
            lambda left, right: expanded_similarity(left, right, region_counts, counts),
            LOSSES[args.loss],
            ids,
            (given[0], inner),
        ),
        "ours": gradients_of(similarity, LOSSES[args.loss], ids, given),
        "limit": products(args, int(counts.sum())),
    }
    return ways, int(counts.sum())


def gradients_of(score, loss_of, ids, given):
    """A compiled function that gives the loss and its two gradients."""

    @tf.function
    def step(left, right):
        with tf.GradientTape() as tape:
            tape.watch((left, right))
            loss = loss_of(score(left, right), ids)
        return loss, tape.gradient(loss, (left, right))

    return lambda: step(*given)[0].numpy()


def products(args, real_words):
    """Three products: cosines, and their gradient to regions and to words."""
    rows = args.pairs * args.regions
    left = tf.random.normal((rows, args.dim))
    right = tf.random.normal((args.dim, real_words))
    cells = tf.random.normal((rows, real_words))

    def multiply():
        tf.matmul(left, right)
        tf.matmul(cells, right, transpose_b=True)
        tf.matmul(left, cells, transpose_a=True).numpy()

    return multiply


def in_a_process_of_its_own(function, *arguments):
    """What a function returns that is called in a new interpreter."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(function, *arguments).result()


def peak_mebibytes(name, args):
    """How far the resident memory rises in the first run, tracing included."""
    function = contenders(args)[0][name]
    before = resident("VmRSS")
    function()
    return (resident("VmHWM") - before) / 1024


if __name__ == "__main__":
    main()
