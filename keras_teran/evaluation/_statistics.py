"""How sure a mean is: bootstrap intervals and a paired test, drawn by images.

Every statistic here is a ratio of two sums over images (a mean over queries), averaged
over folds. An image comes with all its captions: those are not independent of each
other, so images, not captions, are what is drawn.
"""

import numpy as np

BOOTSTRAP_DRAWS = 1000
PERMUTATION_DRAWS = 10_000
_DRAWS_PER_BLOCK = 500


def fold_means(folds):
    """The statistics themselves.

    Args:
        folds: list of `(numerators, denominators)`, each float (images, statistics);
            statistic `m` of a fold is the sum of numerators over that of denominators
            (0 where nothing is left to divide by).

    Returns:
        float64, (statistics,): the mean over folds.

    >>> fold_means([(np.array([[1.0], [3]]), np.array([[1.0], [3]]))])
    array([1.])
    """
    return np.mean([_ratio(top.sum(0), below.sum(0)) for top, below in folds], axis=0)


def bootstrap(folds, draws=BOOTSTRAP_DRAWS, seed=0):
    """Statistics of sets of images drawn with replacement, within each fold.

    The nonparametric bootstrap of Efron (1979), by clusters. What is drawn depends on
    the numbers of images and on the seed only: two models get the same sets, so the
    difference of their results is the paired bootstrap. An image keeps its rank: the
    set that is searched stays as it is.

    Args:
        folds: see `fold_means`.
        draws: int, how many sets.
        seed: int.

    Returns:
        float64, (draws, statistics).
    """
    rng = np.random.default_rng(seed)
    total = np.zeros((draws, folds[0][0].shape[1]))
    for top, below in folds:
        images = len(top)
        for start in range(0, draws, _DRAWS_PER_BLOCK):
            rows = slice(start, min(start + _DRAWS_PER_BLOCK, draws))
            size = rows.stop - rows.start
            counts = rng.multinomial(images, np.full(images, 1 / images), size)
            counts = counts.astype(np.float64)
            total[rows] += _ratio(counts @ top, counts @ below)
    return total / len(folds)


def interval(samples, level=0.95):
    """Percentile interval of bootstrap samples.

    Args:
        samples: float, (draws, statistics).
        level: float, in 0..1.

    Returns:
        float64, (2, statistics): low and high ends.

    >>> interval(np.arange(101.0)[:, None], 0.9).ravel()
    array([ 5., 95.])
    """
    outside = (1 - level) / 2
    return np.quantile(samples, [outside, 1 - outside], axis=0)


def permutation(first, second, draws=PERMUTATION_DRAWS, seed=0):
    """Differences of two models' statistics if the models were one and the same.

    Were they, each image's results could as well have come from the other one: each
    draw swaps the two models' results of about half the images (the randomisation
    test that Smucker et al. 2007 recommend for retrieval, by images).

    Args:
        first: list of folds of one model, see `fold_means`.
        second: list of folds of the other, of the same images.
        draws: int.
        seed: int.

    Returns:
        float64, (draws, statistics): second minus first.
    """
    rng = np.random.default_rng(seed)
    total = np.zeros((draws, first[0][0].shape[1]))
    for (top, below), (other_top, other_below) in zip(first, second, strict=True):
        up, down = other_top - top, other_below - below
        for start in range(0, draws, _DRAWS_PER_BLOCK):
            rows = slice(start, min(start + _DRAWS_PER_BLOCK, draws))
            swapped = rng.integers(0, 2, (rows.stop - rows.start, len(top)))
            swapped = swapped.astype(np.float64)
            moved, under = swapped @ up, swapped @ down
            total[rows] += _ratio(other_top.sum(0) - moved, other_below.sum(0) - under)
            total[rows] -= _ratio(top.sum(0) + moved, below.sum(0) + under)
    return total / len(first)


def p_value(observed, differences):
    """Two-sided p of a difference.

    Args:
        observed: float, (statistics,).
        differences: float, (draws, statistics), from `permutation`.

    Returns:
        float64, (statistics,): the share of draws, the observed one among them, that
        differ at least as much; so never 0.

    >>> p_value(np.array([2.0]), np.array([[1.0], [-2.0], [0.0]]))
    array([0.5])
    """
    # Sums that are equal on paper differ in the last bits.
    reached = np.abs(differences) >= np.abs(observed) - 1e-9
    return (1 + reached.sum(axis=0)) / (1 + len(differences))


def _ratio(top, below):
    return np.where(below > 0, top, 0) / np.where(below > 0, below, 1)
