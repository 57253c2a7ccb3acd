"""Longest common subsequences of one sentence with many, 64 places at a time.

The recurrence of Hyyrö (2004, "Bit-parallel LCS-length computation revisited"): a bit
for each place of a sentence, one addition a word of the other. NumPy runs it over all
sentences at once; a word that a sentence lacks leaves its bits alone, so each word
touches only the sentences that hold it.
"""

import numpy as np

_BITS = 64
# From this share of the sentences on, all of them at once are faster than an index.
_DENSE = 0.25


class CommonSubsequences:
    """Many sentences, to be compared with one after another.

    Args:
        sentences: list of lists of str, the words of each; none empty.

    Example:
        >>> many = CommonSubsequences([["a", "red", "ring"], ["ring", "a"]])
        >>> many.lengths(["a", "big", "ring"])
        array([2, 1])
    """

    def __init__(self, sentences):
        self._vocabulary = {}
        numbers = [[self._number(word) for word in sentence] for sentence in sentences]
        blocks = np.array([-(-len(sentence) // _BITS) for sentence in numbers])
        self._groups = [
            _Group(np.flatnonzero(blocks == count), numbers, count)
            for count in np.unique(blocks)
        ]
        self._count = len(sentences)

    def lengths(self, words):
        """Length of the longest common subsequence with each sentence.

        Args:
            words: list of str.

        Returns:
            int64, (sentences,).
        """
        numbers = [self._vocabulary[word] for word in words if word in self._vocabulary]
        found = np.empty(self._count, np.int64)
        for group in self._groups:
            found[group.rows] = group.lengths(numbers)
        return found

    def _number(self, word):
        return self._vocabulary.setdefault(word, len(self._vocabulary))


class _Group:
    """The sentences that need the same number of 64-bit blocks."""

    def __init__(self, rows, numbers, blocks):
        self.rows = rows
        self._blocks = int(blocks)
        self._places = _places([numbers[row] for row in rows], self._blocks)

    def lengths(self, numbers):
        state = np.full((self._blocks, len(self.rows)), ~np.uint64(0))
        for number in numbers:
            if number in self._places:
                self._advance(state, *self._places[number])
        return np.bitwise_count(~state).sum(axis=0, dtype=np.int64)

    def _advance(self, state, where, bits):
        carry = np.uint64(0)
        for block, mask in zip(state, bits, strict=True):
            old = block[where]
            both = old & mask
            total = old + both
            if self._blocks > 1:
                wrapped = total < old
                total += carry
                carry = (wrapped | (total < carry)).astype(np.uint64)
            block[where] = total | (old - both)


def _places(sentences, blocks):
    """{word number: (which sentences hold it, their bits (blocks, sentences))}."""
    rows = np.repeat(np.arange(len(sentences)), [len(s) for s in sentences])
    places = np.concatenate([np.arange(len(s)) for s in sentences])
    words = np.concatenate([np.array(s) for s in sentences])
    order = np.lexsort((rows, words))
    rows, places, words = rows[order], places[order], words[order]
    first = np.flatnonzero(np.diff(rows, prepend=-1) | np.diff(words, prepend=-1))
    bit = np.uint64(1) << (places % _BITS).astype(np.uint64)
    bits = np.stack(
        [
            np.bitwise_or.reduceat(np.where(places // _BITS == k, bit, 0), first)
            for k in range(blocks)
        ]
    )
    rows, words = rows[first], words[first]
    ends = [*np.flatnonzero(np.diff(words)) + 1, len(words)]
    found, start = {}, 0
    for end in ends:
        found[int(words[start])] = _entry(
            rows[start:end], bits[:, start:end], sentences
        )
        start = end
    return found


def _entry(rows, bits, sentences):
    if len(rows) < _DENSE * len(sentences):
        return rows, bits
    everywhere = np.zeros((len(bits), len(sentences)), np.uint64)
    everywhere[:, rows] = bits
    return slice(None), everywhere
