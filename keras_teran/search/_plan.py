"""Which scores an engine gives, and our own alignment for all others.

MAX_SIM sums, over the members of the query, the largest product with a stored member.
So with padding excluded,

- a sentence finds images by it under MrSw (sum over words of the best region), and under
  MrAVGw, which divides that by the words of the query: one number for all images;
- an image finds captions by it under MwSr (sum over regions of the best word) alone.
  MrSw and MrAVGw would have to be summed over what is stored.

Symm, `sum`, `mean` and `scan` are no MAX_SIM in either direction, and under
`padding="zero"` what is padding takes part. These are scored by `similarity.all_pairs`.
"""

import heapq
from typing import NamedTuple

import numpy as np

from keras_teran.search._schema import CAPTIONS, IMAGES, DamagedError

_PAGE = 256


class Rule(NamedTuple):
    """How a model scores, and how wide its padded sets are.

    Attributes:
        pooling: str, one of `similarity.POOLINGS`.
        padding: "exclude" or "zero".
        widths: dict of collection to int, the padded width of its sets: slots of
            regions, or positions of tokens. Only "zero" depends on it.
    """

    pooling: str
    padding: str
    widths: dict


class Query(NamedTuple):
    """An encoded sentence or image.

    Attributes:
        target: the collection it searches.
        pooled: float32 (dim,).
        members: float32 (members, dim), real rows alone, times their weights.
        padded: float32 (width, dim), the same as the encoder padded them.
    """

    target: str
    pooled: np.ndarray
    members: np.ndarray
    padded: np.ndarray


def is_max_sim(rule, target):
    """Whether MAX_SIM, times a number of the query's, is the model's score."""
    if rule.padding != "exclude":
        return False
    return rule.pooling in (("MrSw", "MrAVGw") if target == IMAGES else ("MwSr",))


def best(engine, query, rule, top, candidates, where):
    """The best points and their scores, the model's similarity.

    Args:
        engine: `Engine`.
        query: `Query`.
        rule: `Rule`.
        top: int, how many.
        candidates: int, how many the pooled vectors hand on; None scores all.
        where: dict, see `_schema.check_where`.

    Returns:
        List of (id, score), best first, of equal scores the smaller id first.
    """
    if not len(query.members):
        # Nothing real in an image: no engine takes it, and every score is 0.
        points, _ = engine.scroll(query.target, None, top, where)
        return [(point.id, 0.0) for point in points]
    if is_max_sim(rule, query.target):
        found = engine.nearest(
            query.target, query.pooled, query.members, top, candidates, where
        )
        _check_scores(found, query)
        divisor = len(query.members) if rule.pooling == "MrAVGw" else 1
        return _sorted((point_id, score / divisor) for point_id, score in found)
    if candidates is None:
        return _scan(engine, query, rule, top, where)
    found = engine.nearest(query.target, query.pooled, None, candidates, None, where)
    ids = [point_id for point_id, _ in found]
    scored = []
    for start in range(0, len(ids), _PAGE):
        points = engine.retrieve(query.target, ids[start : start + _PAGE], members=True)
        scored += score(points, query, rule)
    return _sorted(scored)[:top]


def _check_scores(found, query):
    """Refuses scores that no stored unit vectors give: MAX_SIM sums cosines."""
    most = np.linalg.norm(query.members, axis=1).sum() * 1.01 + 1e-3
    for point_id, value in found:
        if not abs(value) <= most:
            raise DamagedError(
                f"A vector of point {point_id} is damaged: it scores {value:.4g}, and "
                f"unit vectors score {most:.4g} at most. Build the index again."
            )


def score(points, query, rule):
    """List of (id, score) of points, by our own alignment."""
    if not points:
        return []
    # It imports Keras: what is refused before a search need not wait for that.
    from keras_teran.similarity import all_pairs

    first = 1 if query.target == CAPTIONS else 0
    sets = pad([point.members for point in points], rule.widths[query.target], first)
    if query.target == IMAGES:
        pair = sets, query.padded[None]
    else:
        pair = query.padded[None], sets
    scores = all_pairs(*pair, rule.pooling, rule.padding).ravel()
    ids = [point.id for point in points]
    return list(zip(ids, map(float, scores), strict=True))


def pad(sets, width, first=0):
    """Sets of members as one array, padded as an encoder pads them.

    Args:
        sets: list of float32 (members, dim).
        width: int, the padded width, made wider where a set needs it.
        first: int, slots that stand before the first member: 1 for captions, whose
            position 0 is [CLS].

    Returns:
        float32 (sets, width, dim).
    """
    longest = max(len(members) for members in sets)
    width = max(width, longest + first)
    padded = np.zeros((len(sets), width, sets[0].shape[1]), "float32")
    for row, members in enumerate(sets):
        padded[row, first : first + len(members)] = members
    return padded


def _scan(engine, query, rule, top, where):
    """All that is stored, a page at a time; only the best are kept."""
    kept, after = [], None
    while True:
        points, after = engine.scroll(query.target, after, _PAGE, where, members=True)
        for point_id, value in score(points, query, rule):
            heapq.heappush(kept, (value, -point_id))
            if len(kept) > top:
                heapq.heappop(kept)
        if after is None:
            return _sorted((-negative, value) for value, negative in kept)


def _sorted(scored):
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))
