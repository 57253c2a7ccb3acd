"""What a first stage loses on real photos: survivors of the exhaustive top 10, recall.

    keras-teran distill RUN --out RUN2 --data FOLDER
    python benchmarks/first_stage.py --run RUN2 --data FOLDER

The scan of all pairs is the truth. Of each first stage a row a number of candidates:
the share of the exhaustive top 10 among them, and recall of the two stages over that
of the scan, both ways. Then what the second stage loses by fewer vectors an image
(merged greedily, the most alike first) and by narrower ones: its own recall over that
of the scan.
"""

import tempfile

import numpy as np
from harness import arguments, report

import keras_teran
from keras_teran.data import open_split
from keras_teran.evaluation import recall_table, survival, two_stage_recall
from keras_teran.search import merge
from keras_teran.similarity import all_pairs
from keras_teran.training import EncodedPairs, pooled_vectors, rebuilt

CANDIDATES = (10, 20, 50, 100, 200, 400)
WAYS = ("image_to_text", "text_to_image")
RECALLS = ("r1", "r5", "r10")
AIM = 0.995
_SHORT = {"image_to_text": "i2t", "text_to_image": "t2i"}


def main():
    """Prints and writes both tables, and says where the aim is reached."""
    args = arguments(__doc__, run="", data="", split="val")
    matcher = keras_teran.load(args.run)
    captions, regions, _ = open_split(args.data or matcher.config["data"], args.split)
    with tempfile.TemporaryDirectory() as folder:
        base = rebuilt(matcher.model, pooling_head=False)
        pairs = EncodedPairs(
            base, captions, regions, matcher.tokenizer, folder, progress=True
        )
        images, image_slots = pairs.images(np.arange(len(pairs.image_ids)))
        words, caption_slots = pairs.captions(np.arange(len(pairs)))
        stages = {
            "slots, untrained by matching": (image_slots, caption_slots),
            "mean of members": (_unit(images.sum(1)), _unit(words.sum(1))),
        }
        if matcher.model.config["pooling_head"]:
            stages["distilled head"] = pooled_vectors(matcher.model, pairs)
    owners = pairs.caption_to_image
    rule = (matcher.model.pooling, matcher.model.padding)
    exact = all_pairs(images, words, *rule)
    sizes = {
        "images": len(images),
        "captions": len(words),
        "pooling": rule[0],
        "epoch": _epochs(args.run),
        "exhaustive": _recalls(recall_table(exact, owners)),
    }
    rows = [
        {
            "first stage": name,
            "candidates": count,
            **_row(left @ right.T, exact, count, owners),
        }
        for name, (left, right) in stages.items()
        for count in CANDIDATES
    ]
    report("first_stage", rows, args.out, **sizes)
    for name in stages:
        print(f"# {name}: {_reached([r for r in rows if r['first stage'] == name])}")
    smaller = [
        {"vectors": vectors, **_kept(all_pairs(*both, *rule), exact, owners)}
        for vectors, both in _smaller(images, words)
    ]
    report("first_stage_smaller", smaller, args.out, **sizes)


def merged(members, count):
    """Sets of fewer vectors, as `keras-teran index --regions-per-image` merges them.

    Args:
        members: float32 (sets, members, dim), unit rows, zero where masked.
        count: int, vectors that are left.

    Returns:
        float32 (sets, count, dim).
    """
    result = np.zeros((len(members), count, members.shape[2]), np.float32)
    for row, one in enumerate(members):
        vectors, _ = merge(one[one.any(1)], count)
        result[row, : len(vectors)] = vectors
    return result


def _smaller(images, words):
    """(name, (images, words)) of each way to make the second stage smaller."""
    most = images.shape[1]
    for count in (18, 9):
        yield f"{most} merged to {count}", (merged(images, count), words)
    real = images[images.any(-1)]
    axes = np.linalg.eigh(real.T @ real / len(real))[1][:, ::-1]
    for dim in (128, 64):
        if dim < images.shape[2]:
            turned = images @ axes[:, :dim], words @ axes[:, :dim]
            yield f"PCA to {dim}", tuple(map(_unit, turned))
            yield (
                f"first {dim} numbers",
                (_unit(images[..., :dim]), _unit(words[..., :dim])),
            )


def _row(first, exact, count, owners):
    table = two_stage_recall(first, exact, count, owners)
    whole = recall_table(exact, owners)
    found = {}
    for way, scores, truth in zip(
        WAYS, (first, first.T), (exact, exact.T), strict=True
    ):
        found[f"{_SHORT[way]} top 10"] = survival(scores, truth, count)
        for name in RECALLS:
            found[f"{_SHORT[way]} {name}"] = table[way][name] / whole[way][name]
    return found


def _kept(scores, exact, owners):
    """Recall of other vectors over that of the whole ones, and what stays in the top."""
    table, whole = recall_table(scores, owners), recall_table(exact, owners)
    found = {}
    for way, one, truth in zip(WAYS, (scores, scores.T), (exact, exact.T), strict=True):
        found[f"{_SHORT[way]} top 10"] = survival(one, truth, 10)
        for name in RECALLS:
            found[f"{_SHORT[way]} {name}"] = table[way][name] / whole[way][name]
    return found


def _reached(rows):
    """The fewest candidates from which on, whatever more, all recalls keep the aim."""
    texts = []
    for way in _SHORT.values():
        from_here = None
        for row in reversed(rows):
            if any(row[f"{way} {name}"] < AIM for name in RECALLS):
                break
            from_here = row["candidates"]
        texts.append(
            f"{way} from {from_here} candidates on" if from_here else f"{way} nowhere"
        )
    return f"{100 * AIM} % of R@1, R@5 and R@10: {', '.join(texts)}"


def _recalls(table):
    return {way: [round(table[way][name], 4) for name in RECALLS] for way in WAYS}


def _epochs(run):
    from keras_teran.run import read_history

    rsums = read_history(run).get("val_rsum", [])
    return rsums.index(max(rsums)) + 1 if rsums else "?"


def _unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


if __name__ == "__main__":
    main()
