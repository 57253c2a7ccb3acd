"""Which image goes into which split."""

import hashlib
from collections import Counter

import numpy as np

from keras_teran._io import shown

HELD_OUT = ("val", "test")


def read_share(text, images):
    """How many images a split is to hold.

    Args:
        text: str or number, a fraction below 1 (`0.1`), or a count (`500`).
        images: int, of all splits.

    Returns:
        int; of a fraction above 0 at least 1.

    Raises:
        ValueError: for anything else.

    Example:
        >>> read_share("0.25", 10), read_share("3", 10), read_share("0", 10)
        (2, 3, 0)
    """
    text = str(text)
    try:
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise ValueError(
            f"{shown(text)} is neither a fraction from 0 to below 1, such as 0.1, nor a count."
        )
    return max(1, round(share * images)) if share else 0


def split_images(names, groups, given, wanted, seed):
    """Puts images into splits so that no group is in two.

    The order in which groups are drawn is that of a hash of the seed and their first
    name: it depends neither on the order of the images nor on which others there are.

    Args:
        names: list of str, one an image.
        groups: int (images,), equal for images that belong together.
        given: list of str or None, one an image: the split that it has already.
        wanted: dict of "val" and "test" to int, images; given ones count.
        seed: int.

    Returns:
        `(splits, torn)`: list of str, one an image; and a list of groups whose images
        have several splits given, which are kept.

    Raises:
        ValueError: if nothing is left to train on, or a split that was wanted gets no
            image.
    """
    splits, torn = list(given), []
    members = {}
    for row, group in enumerate(np.asarray(groups).tolist()):
        members.setdefault(group, []).append(row)
    free = []
    for group, rows in members.items():
        own = {_trains(splits[row]) for row in rows} - {None}
        if len(own) > 1:
            torn.append(group)
        if own:
            # What leaks already may leak least into training.
            chosen = "train" if "train" in own else min(own)
            _put(splits, [row for row in rows if splits[row] is None], chosen)
        else:
            free.append(rows)
    free.sort(key=lambda rows: _drawn(seed, min(names[row] for row in rows)))
    _fill(splits, free, wanted)
    _check(splits, wanted)
    return splits, torn


def _trains(split):
    return "train" if split == "restval" else split


def _drawn(seed, name):
    return hashlib.sha256(f"{seed}\n{name}".encode()).digest()


def _put(splits, rows, split):
    for row in rows:
        splits[row] = split


def _fill(splits, free, wanted):
    """A group that is larger than the room left in a split goes into the next."""
    counts = Counter(splits)
    for rows in free:
        room = (s for s in HELD_OUT if counts[s] + len(rows) <= wanted[s])
        split = next(room, "train")
        _put(splits, rows, split)
        counts[split] += len(rows)


def _check(splits, wanted):
    counts = Counter(map(_trains, splits))
    needed = ["train", *(split for split in HELD_OUT if wanted[split])]
    empty = [split for split in needed if not counts[split]]
    if empty:
        asked = ", ".join(f"{split} {wanted[split]}" for split in HELD_OUT)
        raise ValueError(
            f"Of {len(splits)} images none is left for {' and '.join(empty)} (asked for: "
            f"{asked}): ask for fewer, or give more images; those that look alike stay "
            "in one split."
        )
