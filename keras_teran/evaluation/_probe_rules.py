"""What is counted of a probe's items: the figures of each rule, and their chance."""

from math import comb
from typing import NamedTuple

import numpy as np

# Of a score, or of 1 if that is more: what float32 sums of some 20 cosines in another
# order differ by. A smaller difference is a tie.
_ROUNDING = 2e-6


class Rule(NamedTuple):
    """A way to judge items.

    Attributes:
        figures: tuple of str, their names.
        differences: function of an item's scores, float (images, texts), right texts
            first, and of the number of right texts. It gives a float a figure, which
            counts where it is above 0.
        chances: function of the numbers of right and of wrong texts: the share, for each
            figure, of scores without any knowledge and without ties.
        margin: int, the figure whose difference is the margin of a case.
    """

    figures: tuple
    differences: object
    chances: object
    margin: int = 0


def _choice(scores, right):
    """Every right caption above every wrong one."""
    return (scores[0, :right].min() - scores[0, right:].max(),)


def _both_ways(scores, _):
    """Winoground's text, image and group score (Thrush et al. 2022)."""
    own = scores.diagonal()
    # Row i: image i, column j: the caption of image j.
    text = (own - scores[[0, 1], [1, 0]]).min()
    image = (own - scores[[1, 0], [0, 1]]).min()
    return text, image, min(text, image)


def _half_truth(scores, _):
    caption, true, wrong = scores[0]
    return true - wrong, caption - wrong, caption - true


RULES = {
    "choice": Rule(
        ("right above wrong",),
        _choice,
        lambda right, wrong: (1 / comb(right + wrong, right),),
    ),
    "both ways": Rule(
        ("text", "image", "group"),
        _both_ways,
        lambda right, wrong: (1 / 4, 1 / 4, 1 / 6),
        margin=2,
    ),
    # Of one of them alone nothing follows: see `Figures`.
    "half-truth": Rule(
        ("true above wrong", "falls by the wrong", "falls by the true"),
        _half_truth,
        lambda right, wrong: (1 / 2, 1 / 2, 1 / 2),
    ),
}


def judge_all(rule, items, scores):
    """Judges items.

    Args:
        rule: str, a key of `RULES`.
        items: list of `ProbeItem`.
        scores: list of float arrays (images, texts), one an item.

    Returns:
        `(outcomes, chances, margins)`: bool (items, figures), float64 (items, figures)
        and float64 (items,), 0 for a tie. Ties count against the model: an outcome
        needs a difference of more than rounding.
    """
    rule, outcomes, chances, margins = RULES[rule], [], [], []
    for item, found in zip(items, scores, strict=True):
        found = np.asarray(found, np.float64)
        differences = np.array(rule.differences(found, len(item.right)))
        differences[np.abs(differences) <= _ROUNDING * max(1, np.abs(found).max())] = 0
        outcomes.append(differences > 0)
        margins.append(differences[rule.margin])
        chances.append(rule.chances(len(item.right), len(item.wrong)))
    return np.array(outcomes), np.array(chances), np.array(margins)
