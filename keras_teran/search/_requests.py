"""What is asked of an index: kinds and ranges of ids, texts, limits and addresses."""

import numpy as np

from keras_teran._io import shown
from keras_teran.search._address import EMBEDDED, check_engine
from keras_teran.search._schema import check_id
from keras_teran.text import texts_of

MOST_HITS = 1_000
# How many the pooled vectors hand on, where nothing is asked: of each hit wanted, and
# at least.
_CANDIDATES_PER_HIT = 20
_FEWEST_CANDIDATES = 200


def check_texts(texts, count):
    """A list of `count` captions; ValueError names what is none."""
    if len(texts := texts_of(texts)) != count:
        raise ValueError(
            f"captions must be a list of {count} str, one an id; received "
            f"{shown(texts)}."
        )
    return texts


def ids_of(values, name):
    """A list of different ids as ints."""
    if isinstance(values, str | bytes) or np.ndim(values) != 1:
        raise ValueError(f"{name} must be a list of ints; received {shown(values)}.")
    ids = [check_id(value) for value in values]
    if len({*ids}) != len(ids):
        twice = next(value for value in ids if ids.count(value) > 1)
        raise ValueError(f"{name} holds {twice} twice; give each id once.")
    return ids


def engine_of(folder, told, given):
    """The engine to open: that of `index.json`, or the address given in this call."""
    if given is None:
        return told
    check_engine(given)
    if (given == EMBEDDED) != (told == EMBEDDED):
        where = "in its folder" if told == EMBEDDED else "on a server"
        raise ValueError(
            f"engine={shown(given)} does not fit {folder}, whose vectors are {where}."
        )
    return given


def limits_of(top, candidates, exact):
    """(top, candidates), None of the latter where all are scored."""
    if not _is_int(top) or not 1 <= top <= MOST_HITS:
        raise ValueError(
            f"top must be an int from 1 to {MOST_HITS}; received {shown(top)}."
        )
    fits = candidates is None or _is_int(candidates) and top <= candidates <= 10**6
    if not fits:
        raise ValueError(
            f"candidates must be an int from top={top} to 1,000,000; received "
            f"{shown(candidates)}."
        )
    if not isinstance(exact, bool):
        raise ValueError(f"exact must be True or False; received {shown(exact)}.")
    if exact:
        return top, None
    return top, candidates or max(_FEWEST_CANDIDATES, _CANDIDATES_PER_HIT * top)


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)
