"""What is counted of a probe's items: the figures of each rule, and their chance."""

from math import comb
from typing import NamedTuple

import numpy as np


class Rule(NamedTuple):
    """A way to judge items.

    Attributes:
        figures: tuple of str, their names.
        judge: function of an item's scores, float (images, texts), right texts first,
            and of the number of right texts. It gives the outcomes, a tuple of bool, and
            the margin, a float: below 0 where the item is answered wrong.
        chances: function of the numbers of right and of wrong texts: the share, for each
            figure, of scores without any knowledge and without ties.
    """

    figures: tuple
    judge: object
    chances: object


def _choice(scores, right):
    """Every right caption above every wrong one."""
    margin = scores[0, :right].min() - scores[0, right:].max()
    return (margin > 0,), margin


def _both_ways(scores, _):
    """Winoground's text, image and group score (Thrush et al. 2022)."""
    own = scores.diagonal()
    # Row i: image i, column j: the caption of image j.
    other_caption, other_image = scores[[0, 1], [1, 0]], scores[[1, 0], [0, 1]]
    text, image = (own - other_caption).min(), (own - other_image).min()
    return (text > 0, image > 0, min(text, image) > 0), min(text, image)


def _half_truth(scores, _):
    caption, true, wrong = scores[0]
    return (true > wrong, wrong < caption, true < caption), true - wrong


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
        and float64 (items,). Ties count against the model: an outcome needs a
        difference.
    """
    judged = [
        RULES[rule].judge(np.asarray(found, np.float64), len(item.right))
        for item, found in zip(items, scores, strict=True)
    ]
    chances = [RULES[rule].chances(len(item.right), len(item.wrong)) for item in items]
    outcomes, margins = zip(*judged, strict=True)
    return np.array(outcomes, bool), np.array(chances), np.array(margins, np.float64)
