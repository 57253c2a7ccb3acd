"""What a model answered to every query of a fold, and the figures that follow."""

from dataclasses import dataclass

import numpy as np

from keras_teran.evaluation._ndcg import (
    ZERO_RULES,
    counted_queries,
    ndcg_both_ways,
)
from keras_teran.evaluation._recall import (
    DIRECTIONS,
    METRICS,
    RECALL_AT,
    ranks,
    table_of_ranks,
)
from keras_teran.evaluation._statistics import (
    bootstrap,
    fold_means,
    interval,
    p_value,
    permutation,
)


@dataclass(frozen=True)
class Answers:
    """Ranks and NDCG of every query of a fold.

    Attributes:
        ranks: dict, direction to int64 (queries,), from 0.
        ndcg: dict, name of a relevance to a dict, direction to float64 (queries,).
        caption_to_image: int, (captions,).
    """

    ranks: dict
    ndcg: dict
    caption_to_image: np.ndarray


def answer(similarity, caption_to_image, relevances):
    """Asks a similarity matrix every query of a fold.

    Args:
        similarity: float32, (images, captions).
        caption_to_image: int, (captions,).
        relevances: dict, name to float32 (captions, images).

    Returns:
        `Answers`.

    Raises:
        ValueError: see `ranks`.
    """
    both = ranks(similarity, caption_to_image)
    return Answers(
        ranks=dict(zip(DIRECTIONS, both, strict=True)),
        ndcg={
            name: dict(zip(DIRECTIONS, ndcg_both_ways(similarity, grades), strict=True))
            for name, grades in relevances.items()
        },
        caption_to_image=np.asarray(caption_to_image),
    )


def figures(folds, zero="left-out", seed=0):
    """The figures of a model: means over folds, with intervals.

    Args:
        folds: list of `Answers`.
        zero: which queries the intervals of NDCG count, see `counted_queries`.
        seed: int, of the bootstrap.

    Returns:
        dict: `recall`, as `recall_table`, each entry the mean over folds; `folds`, the
        recall tables of the folds; `ndcg`, name to direction to both rules' means;
        `intervals`, name of a statistic to `[low, high]` at 95 %.
    """
    tables = [table_of_ranks(*fold.ranks.values()) for fold in folds]
    names, low_high = _names(folds), interval(_samples(folds, zero, seed))
    return {
        "recall": _mean_table(tables),
        "folds": tables,
        "ndcg": {
            name: {
                direction: {
                    rule: _mean_ndcg(folds, name, direction, rule)
                    for rule in ZERO_RULES
                }
                for direction in DIRECTIONS
            }
            for name in folds[0].ndcg
        },
        "intervals": dict(zip(names, low_high.T.tolist(), strict=True)),
    }


def compare(first, second, zero="left-out", seed=0):
    """Whether a model differs from another on the same queries.

    Args:
        first: list of `Answers` of one model.
        second: list of `Answers` of the other, of the same folds.
        zero: see `figures`.
        seed: int, of the bootstrap and of the permutations.

    Returns:
        dict, name of a statistic to a dict: `difference`, second minus first; its
        `interval` at 95 % by the paired bootstrap; `p`, two-sided, by permutation.
    """
    one, other = _folds(first, zero), _folds(second, zero)
    difference = _add_rsum(fold_means(other) - fold_means(one))
    low_high = interval(_samples(second, zero, seed) - _samples(first, zero, seed))
    p = p_value(difference, _add_rsum(permutation(one, other, seed=seed)))
    columns = difference.tolist(), low_high.T.tolist(), p.tolist()
    return {
        name: {"difference": value, "interval": ends, "p": chance}
        for name, value, ends, chance in zip(_names(first), *columns, strict=True)
    }


def _samples(folds, zero, seed):
    return _add_rsum(bootstrap(_folds(folds, zero), seed=seed))


def _names(folds):
    """Of the statistics, in the order of `_by_image`; then rsum."""
    recalls = [f"{way}_r{k}" for way in DIRECTIONS for k in RECALL_AT]
    means = [f"{way}_mean_rank" for way in DIRECTIONS]
    gains = [f"{way}_ndcg_{name}" for name in folds[0].ndcg for way in DIRECTIONS]
    return [*recalls, *means, *gains, "rsum"]


def _add_rsum(values):
    """Recalls come first; rsum is linear in them, so in differences and means too."""
    recalls = values[..., : len(DIRECTIONS) * len(RECALL_AT)]
    return np.concatenate([values, 100 * recalls.sum(-1, keepdims=True)], axis=-1)


def _folds(folds, zero):
    return [_by_image(fold, zero) for fold in folds]


def _by_image(fold, zero):
    """`(numerators, denominators)`, (images, statistics), as `fold_means` wants them."""
    pairs = [
        _sums(fold, way, fold.ranks[way] < k) for way in DIRECTIONS for k in RECALL_AT
    ]
    pairs += [_sums(fold, way, fold.ranks[way]) for way in DIRECTIONS]
    pairs += [
        _sums(fold, way, values[way], counted_queries(values[way], way, zero))
        for values in fold.ndcg.values()
        for way in DIRECTIONS
    ]
    tops, belows = zip(*pairs, strict=True)
    return np.stack(tops, axis=1), np.stack(belows, axis=1)


def _sums(fold, direction, values, counted=None):
    counted = np.ones(len(values)) if counted is None else counted.astype(np.float64)
    values = values * counted
    if direction == "image_to_text":
        return values, counted
    owners = fold.caption_to_image
    return np.bincount(owners, values), np.bincount(owners, counted)


def _mean_table(tables):
    mean = {
        way: {name: float(np.mean([t[way][name] for t in tables])) for name in METRICS}
        for way in DIRECTIONS
    }
    mean["rsum"] = float(np.mean([table["rsum"] for table in tables]))
    return mean


def _mean_ndcg(folds, name, direction, zero):
    means = []
    for fold in folds:
        values = fold.ndcg[name][direction]
        counted = values[counted_queries(values, direction, zero)]
        means.append(counted.mean() if counted.size else 0.0)
    return float(np.mean(means))
