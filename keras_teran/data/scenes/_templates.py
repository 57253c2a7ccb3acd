"""The wording of captions: statements about a scene put into English."""

import typing

ANY = -1

_NOUNS = (
    ("circle", "disc"),
    ("square", "box"),
    ("triangle", "wedge"),
    ("star",),
    ("ring", "hoop"),
    ("cross",),
)
_COLOURS = (
    ("red", "scarlet"),
    ("orange",),
    ("yellow",),
    ("green",),
    ("blue",),
    ("purple", "violet"),
)
_TEXTURES = (("plain", "solid"), ("striped",), ("dotted", "spotted"), ("checkered",))
_MARKS = ((), ("stripes",), ("dots", "spots"), ("checks",))
_SIZES = (("small", "little"), ("large", "big"))

CONTENT_WORDS = frozenset(
    word
    for group in (_NOUNS, _COLOURS, _TEXTURES, _MARKS, _SIZES)
    for words in group
    for word in words
)

TEMPLATES = {
    "left": (
        "{0} is to the left of {1}",
        "{0} left of {1}",
        "{1} is to the right of {0}",
        "{1} has {0} on its left",
        "to the right of {0} is {1}",
        "{0} is followed on the right by {1}",
    ),
    "above": (
        "{0} is above {1}",
        "{0} over {1}",
        "{1} is below {0}",
        "{1} lies under {0}",
        "{0} tops {1}",
        "{1} is topped by {0}",
    ),
    "larger": (
        "{0} is larger than {1}",
        "{0} is bigger than {1}",
        "{1} is smaller than {0}",
        "{0} dwarfs {1}",
        "{1} is dwarfed by {0}",
    ),
    "same colour": (
        "{0} has the same colour as {1}",
        "{0} matches the colour of {1}",
        "the colour of {1} is matched by {0}",
    ),
    "between": (
        "{0} is between {1} and {2}",
        "{1} and {2} flank {0}",
        "{0} is flanked by {1} and {2}",
        "between {1} and {2} is {0}",
    ),
    "row": (
        "from left to right {0}, {1} and {2}",
        "{0} is left of {1}, which is left of {2}",
        "from right to left {2}, {1} and {0}",
    ),
    "column": (
        "from top to bottom {0}, {1} and {2}",
        "{0} is above {1}, which is above {2}",
        "from bottom to top {2}, {1} and {0}",
    ),
    "left and above": (
        "{0} is left of {1} and above {2}",
        "{1} is right of {0}, which is above {2}",
        "above {2} and left of {1} is {0}",
    ),
    "left and below": (
        "{0} is left of {1} and below {2}",
        "{1} is right of {0}, which is below {2}",
        "below {2} and left of {1} is {0}",
    ),
    "left and larger": (
        "{0} is left of {1} and larger than {2}",
        "{0}, bigger than {2}, is left of {1}",
    ),
}


class Mention(typing.NamedTuple):
    """What a caption says of one object; `ANY` where it says nothing.

    `thing` is the object's number in its scene, the rest indices into the
    attributes of `scenes`.
    """

    thing: int
    shape: int
    colour: int = ANY
    texture: int = ANY
    size: int = ANY


def word_statement(relation, mentions, generator):
    """Puts a statement into words: one of several synonyms, orders and voices.

    Args:
        relation: a key of `TEMPLATES`.
        mentions: `Mention` objects, as many as the relation has places.
        generator: numpy Generator, chooses the wording.

    Returns:
        caption: str, lower case, without a final stop.
        nouns: list of (thing, (start, end)): for each mention the object's number
            and the characters of its noun.
    """
    template = _choose(generator, TEMPLATES[relation])
    caption, nouns = "", []
    for piece in template.replace("}", "{").split("{"):
        if not piece.isdigit():
            caption += piece
            continue
        mention = mentions[int(piece)]
        before, noun, after = phrase(mention, generator)
        start = len(caption) + len(before)
        nouns.append((mention.thing, (start, start + len(noun))))
        caption += before + noun + after
    return caption, nouns


def phrase(mention, generator):
    """A noun phrase in three parts: up to the noun, the noun, what follows it."""
    adjectives, after = [], ""
    if mention.size != ANY:
        adjectives.append(_choose(generator, _SIZES[mention.size]))
    if mention.texture != ANY:
        if _MARKS[mention.texture] and generator.random() < 0.3:
            after = " with " + _choose(generator, _MARKS[mention.texture])
        else:
            adjectives.append(_choose(generator, _TEXTURES[mention.texture]))
    if mention.colour != ANY:
        adjectives.append(_choose(generator, _COLOURS[mention.colour]))
    noun = _choose(generator, _NOUNS[mention.shape])
    first = (adjectives + [noun])[0]
    article = "an" if first[0] in "aeiou" else "a"
    return " ".join([article, *adjectives, ""]), noun, after


def _choose(generator, options):
    return options[generator.integers(len(options))]


def bag_of_words(caption):
    """The caption's content words, sorted: order, binding and relations are gone.

    Keeps nouns, colours, textures and sizes (`CONTENT_WORDS`), drops the rest. A
    model trained on this shows what the captions give away without their grammar.

    >>> bag_of_words("a red circle is to the left of a small blue square")
    'blue circle red small square'
    """
    words = caption.lower().replace(",", " ").split()
    return " ".join(sorted(word for word in words if word in CONTENT_WORDS))
