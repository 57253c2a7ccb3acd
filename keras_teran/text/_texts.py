"""What may be a caption: a text that UTF-8 can write, of bounded length."""

from keras_teran import _io

# COCO's longest caption has some 300. WordPiece takes time that grows with the square of
# a word's length, and a word may be the whole caption.
MOST_CHARACTERS = 20_000


def check_text(text, name):
    """Refuses what is no caption.

    Args:
        text: what was given.
        name: str, what errors call it.

    Returns:
        `text`, a str.

    Raises:
        ValueError: if it is no str, holds half of a surrogate pair (bytes of the command
            line that are no UTF-8 become such), or has over 20,000 characters.
    """
    if not isinstance(text, str):
        raise ValueError(
            f"{name} must be a str; received {_io.shown(text)} ({type(text).__name__})."
        )
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"{name} has {len(text):,} characters; give at most {MOST_CHARACTERS:,}."
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} is no text in UTF-8: {text[error.start]!a} at character "
            f"{error.start} is half of a surrogate pair; give it in UTF-8."
        ) from None
    return text


def texts_of(captions):
    """A list of the captions given, each checked by `check_text`.

    Args:
        captions: iterable of str.

    Raises:
        ValueError: if it is one str, a set, no list of texts, or a text is refused.
    """
    if isinstance(captions, str):
        raise ValueError(
            f"captions is one string, {_io.shown(captions[:40])}; give a list of "
            "captions."
        )
    # The order of a set is another in every process.
    unordered = isinstance(captions, bytes | dict | set | frozenset)
    if (
        unordered
        or not hasattr(captions, "__iter__")
        or getattr(captions, "ndim", 1) != 1
    ):
        raise ValueError(
            f"captions must be a list of texts; received {_io.shown(captions)}."
        )
    return [
        check_text(text, f"caption {position}")
        for position, text in enumerate(captions)
    ]
