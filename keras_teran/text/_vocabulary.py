"""A BERT vocabulary: the position of a token is its row in a model's table."""

import hashlib

from keras_teran import _io

VOCABULARY_FILE = "vocab.txt"
SETTINGS_FILE = "tokenizer.json"
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Of a sequence, and of a vocabulary; BERT has 512 and 30,522.
MOST_TOKENS = 2**16
MOST_VOCABULARY = 2**20
# The vocabulary of multilingual BERT has 996 kB; 2**20 tokens of 64 bytes fit.
_MOST_BYTES = 2**26
# White space of Unicode, which `tokenizers` takes off the end of a line. `str.rstrip`
# takes more: the separators U+001C to U+001F.
_WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


def read_vocabulary(path):
    """The tokens of a `vocab.txt` as `tokenizers` reads them.

    A line ends at a newline alone, white space at its end is no part of the token, and
    a blank line is a token that no text gives.

    Args:
        path: the file, one token a line.

    Returns:
        list of str.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no text, a token stands in two lines, or a special token is
            missing; names the file.
    """
    lines = _io.read_text(path, _MOST_BYTES).split("\n")
    if not lines[-1]:
        lines.pop()
    tokens = [line.rstrip(_WHITE_SPACE) for line in lines]
    if twice := _twice(tokens):
        first, second = twice
        raise ValueError(
            f"{path}, line {second + 1}: {_io.shown(tokens[second])} stands in line "
            f"{first + 1} already; each token stands once."
        )
    try:
        return checked_vocabulary(tokens)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def checked_vocabulary(tokens):
    """A list of the tokens, if they can be a BERT vocabulary.

    Args:
        tokens: iterable of str.

    Raises:
        ValueError: if a token is no str or cannot stand on a line of its own, occurs
            twice, or a special token is missing.
    """
    if isinstance(tokens, str | bytes | dict) or not hasattr(tokens, "__iter__"):
        raise ValueError(
            f"The vocabulary must be a list of tokens; received {_io.shown(tokens)}."
        )
    tokens = list(tokens)
    for position, token in enumerate(tokens):
        if not isinstance(token, str) or not _writable(token):
            raise ValueError(
                f"Token {position} of the vocabulary is {_io.shown(token)}; give texts "
                "that can stand on a line, without white space at their end."
            )
    if missing := [t for t in SPECIAL_TOKENS[:4] if t not in tokens]:
        raise ValueError(
            f"The vocabulary of {len(tokens)} tokens lacks {', '.join(missing)}; "
            "give a BERT vocabulary, one token a line."
        )
    if twice := _twice(tokens):
        raise ValueError(
            f"The vocabulary holds {_io.shown(tokens[twice[0]])} twice; each token "
            "stands once."
        )
    return tokens


def vocabulary_sha256(tokens):
    """What a model records of its vocabulary: the SHA-256 of its tokens in their order.

    Args:
        tokens: list of str.

    Returns:
        str, hexadecimal.

    >>> vocabulary_sha256(["a", "dog"])[:8]
    'de6a5156'
    """
    return hashlib.sha256("\n".join(tokens).encode()).hexdigest()


def check_vocabulary(model, tokenizer, name="The tokenizer"):
    """Refuses a tokenizer that is not the one of a model's table of tokens.

    Called wherever the two meet: its ids would be rows of other words.

    Args:
        model: `Teran`, or the dict of its `config`.
        tokenizer: `CaptionTokenizer`.
        name: str, what errors call the tokenizer, such as its folder.

    Raises:
        ValueError: if its size is not that of the table, its tokens or their order are
            not those that the model records, or its longest sequence has more tokens
            than the model has positions.
    """
    config = model if isinstance(model, dict) else model.config
    tokens, rows = len(tokenizer.vocabulary), config["vocabulary_size"]
    if tokens != rows:
        raise ValueError(
            f"{name} has {tokens} tokens, the model's table {rows} rows; give the "
            f"{VOCABULARY_FILE} that the model was trained with."
        )
    recorded = config.get("vocabulary_sha256")
    if recorded not in (None, vocabulary_sha256(tokenizer.vocabulary)):
        raise ValueError(
            f"{name} has other tokens than the model was trained with, or the same in "
            f"another order; give the {VOCABULARY_FILE} of SHA-256 {recorded[:12]}… "
            "(of its tokens, joined by newlines)."
        )
    if tokenizer.max_length > config["caption_max_length"]:
        raise ValueError(
            f"{name} has max_length={tokenizer.max_length}, the model "
            f"{config['caption_max_length']} positions; set max_length to at most that."
        )


def _twice(tokens):
    """Positions of the first token that occurs again; None where none does."""
    places = {}
    for position, token in enumerate(tokens):
        if token and places.setdefault(token, position) != position:
            return places[token], position
    return None


def _writable(token):
    try:
        token.encode()
    except UnicodeEncodeError:
        return False
    return "\n" not in token and token == token.rstrip(_WHITE_SPACE)
