"""Five captions a scene, each true of that scene only, among a split's scenes."""

import typing

from keras_teran.data.scenes._facts import draw_mentions, plain_statements
from keras_teran.data.scenes._templates import word_statement

CAPTIONS_PER_SCENE = 5

_TRIES = 120
_LEAST_DETAIL, _MOST_DETAIL = 0.3, 1.0
_SHARE_OF_PAIRS = 0.5


class Caption(typing.NamedTuple):
    """A caption and what it says.

    `nouns` holds, for each noun, the number of the object it means and the characters
    it is written in: (thing, (start, end)). `relation` and `mentions` are the
    statement that the text puts into words.
    """

    text: str
    nouns: list
    relation: str
    mentions: tuple


def write_captions(table, row, generator):
    """Writes five differing captions of scene `row`.

    A statement is kept if it fits its own scene in exactly one way (so each noun
    means one object) and no other scene of the table at all. The first caption speaks
    of two objects and the second of three where that can be had.

    Args:
        table: `SceneTable` of the split.
        row: the scene.
        generator: numpy Generator.

    Returns:
        list of five `Caption`, or None where tries run out.
    """
    captions, said = {}, set()
    statements = plain_statements(table, row)
    for attempt in range(_TRIES):
        detail = _LEAST_DETAIL + (_MOST_DETAIL - _LEAST_DETAIL) * attempt / _TRIES
        number = len(captions) if attempt < _TRIES // 2 else None
        statement = _draw(table, row, statements, number, detail, generator)
        if statement is None or statement in said:
            continue
        if _fits_only(table, row, *statement):
            said.add(statement)
            text, nouns = word_statement(*statement, generator)
            captions[text] = Caption(text, nouns, *statement)
        if len(captions) == CAPTIONS_PER_SCENE:
            return list(captions.values())
    return None


def _draw(table, row, statements, number, detail, generator):
    """A statement for caption `number`: of two objects, of three, then either."""
    by_chance = 2 if generator.random() < _SHARE_OF_PAIRS else 3
    choices = statements[{0: 2, 1: 3}.get(number, by_chance)]
    if not choices:
        return None
    relation, tuples = choices[generator.integers(len(choices))]
    things = tuples[generator.integers(len(tuples))]
    mentions = draw_mentions(table, row, relation, things, detail, generator)
    return relation, tuple(mentions)


def _fits_only(table, row, relation, mentions):
    counts = table.count_fits(relation, mentions)
    return counts[row] == 1 and counts.sum() == 1
