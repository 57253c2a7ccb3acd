"""Sets of unequal size in blocks that hold their real members alone.

Sets are sorted by how many real members they have. A block of images holds images of one
number of regions; a block of captions holds about as many words as every other, in
segments of captions of one number of words. NumPy only.
"""

from typing import NamedTuple

import numpy as np


class Group(NamedTuple):
    """Sets with the same number of real members.

    Attributes:
        rows: int64 (sets,), which sets.
        count: int, real members of each.
    """

    rows: np.ndarray
    count: int


class Segment(NamedTuple):
    """Captions of one number of words within a block.

    Attributes:
        count: int, words of each.
        captions: slice, of the block's captions.
        columns: slice, of the block's columns; word by word, captions innermost, so
            that pooling over words runs along whole vectors.
    """

    count: int
    captions: slice
    columns: slice


class CaptionBlock(NamedTuple):
    """Some captions as columns of a matrix product.

    Attributes:
        rows: int64 (captions,), which captions.
        segments: list of `Segment`.
        source: float (captions of the whole set, words, dim).
    """

    rows: np.ndarray
    segments: list
    source: np.ndarray

    def vectors(self):
        """Float (columns, dim): the real words, segment after segment."""
        parts = []
        for segment in self.segments:
            members = real_members(
                self.source, Group(self.rows[segment.captions], segment.count)
            )
            by_word = members.transpose(1, 0, 2)
            parts.append(by_word.reshape(-1, members.shape[2]))
        return np.concatenate(parts)


def groups_of(embeddings, step=1024):
    """Sets that have a real member, by their number of real members, fewest first.

    Args:
        embeddings: float (sets, members, dim), an all-zero row is padding.
        step: int, sets looked at together.

    Returns:
        List of `Group`.
    """
    counts = np.concatenate(
        [
            np.any(embeddings[start : start + step], axis=-1).sum(axis=-1)
            for start in range(0, len(embeddings), step)
        ]
        or [np.zeros(0, int)]
    )
    return [
        Group(np.flatnonzero(counts == count), int(count))
        for count in np.unique(counts[counts > 0])
    ]


def real_members(embeddings, group):
    """Float (sets, count, dim): the real members of a group's sets."""
    first = embeddings[group.rows, : group.count]
    if np.any(first, axis=-1).all():
        return first
    chosen = embeddings[group.rows]
    real = np.any(chosen, axis=-1)
    return chosen[real].reshape(len(group.rows), group.count, -1)


def image_blocks(groups, most_rows):
    """Groups cut to at most so many regions, but to one image at least.

    >>> [block.rows.tolist() for block in image_blocks([Group(np.arange(5), 2)], 4)]
    [[0, 1], [2, 3], [4]]
    """
    return [
        Group(rows, group.count)
        for group in groups
        for rows in evenly(group.rows, max(1, most_rows // group.count))
    ]


def caption_blocks(embeddings, groups, most_columns):
    """All captions in blocks of nearly equal numbers of words.

    Args:
        embeddings: float (captions, words, dim).
        groups: list of `Group` of them.
        most_columns: int, words of a block; a longer caption stands alone.

    Returns:
        List of `CaptionBlock`.
    """
    words = sum(group.count * len(group.rows) for group in groups)
    share = max(1, -(-words // max(1, -(-words // most_columns))))
    blocks, pieces, free = [], [], share
    for group in groups:
        rows = group.rows
        while len(rows):
            fit = free // group.count
            if not fit and pieces:
                blocks.append(_block(pieces, embeddings))
                pieces, free = [], share
                continue
            piece, rows = rows[: max(fit, 1)], rows[max(fit, 1) :]
            pieces.append(Group(piece, group.count))
            free -= len(piece) * group.count
    if pieces:
        blocks.append(_block(pieces, embeddings))
    return blocks


def evenly(rows, most):
    """Cut into as few pieces as `most` allows, of nearly equal length."""
    return np.array_split(rows, -(-len(rows) // most))


def _block(groups, embeddings):
    segments, captions, columns = [], 0, 0
    for group in groups:
        more, wide = len(group.rows), len(group.rows) * group.count
        segments.append(
            Segment(
                group.count,
                slice(captions, captions + more),
                slice(columns, columns + wide),
            )
        )
        captions, columns = captions + more, columns + wide
    return CaptionBlock(
        np.concatenate([group.rows for group in groups]), segments, embeddings
    )
