"""What is in the captions: their lengths, and words that a vocabulary lacks."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_teran.text import CaptionTokenizer, read_vocabulary


@dataclass(frozen=True)
class Unknown:
    """Words that a vocabulary has no pieces for.

    Attributes:
        vocabulary: str, where it is from.
        words: `Counter` of str, lower-cased.
        captions: int, that hold one.
        cut: int, captions as long as the tokeniser takes, or longer, which are cut.
        max_length: int, tokens, of the tokeniser.
    """

    vocabulary: str
    words: Counter
    captions: int
    cut: int
    max_length: int


def open_vocabulary(path):
    """A tokeniser of a RUN, a BERT's folder or a `vocab.txt`.

    Args:
        path: the folder, or the file, one token a line.

    Returns:
        `CaptionTokenizer`.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no vocabulary.
    """
    path = Path(path)
    if path.is_dir():
        return CaptionTokenizer.load(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {path}: a vocabulary is a RUN, a BERT's folder or a vocab.txt."
        )
    return CaptionTokenizer(read_vocabulary(path))


def find_unknown(tokenizer, captions, vocabulary):
    """Words that become [UNK].

    Args:
        tokenizer: `CaptionTokenizer`.
        captions: list of str.
        vocabulary: str, its name.

    Returns:
        `Unknown`.

    Example:
        >>> tokenizer = CaptionTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"])
        >>> find_unknown(tokenizer, ["a yeti", "a", "Yeti"], "mine").words
        Counter({'yeti': 2})
    """
    words, holding, cut = Counter(), 0, 0
    for caption in captions:
        encoded = tokenizer.encode(caption)
        unknown = [
            caption[slice(*span)].lower()
            for token, span in zip(encoded.tokens, encoded.spans, strict=True)
            if token == "[UNK]"
        ]
        words.update(unknown)
        holding += bool(unknown)
        cut += len(encoded.tokens) >= tokenizer.max_length
    return Unknown(str(vocabulary), words, holding, cut, tokenizer.max_length)


def count_words(captions):
    """Words of each caption, between spaces: int64 (captions,).

    Example:
        >>> count_words(["a dog", "a small dog"]).tolist()
        [2, 3]
    """
    return np.array([len(caption.split()) for caption in captions], np.int64)
