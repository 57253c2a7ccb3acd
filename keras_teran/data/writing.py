"""Five captions a scene, each true of that scene only, among a split's scenes."""

import typing

from keras_teran.data.grammar import word_statement
from keras_teran.data.statements import draw_statement

CAPTIONS_PER_SCENE = 5

_TRIES = 120
_LEAST_DETAIL, _MOST_DETAIL = 0.25, 0.95


class Caption(typing.NamedTuple):
    """A caption and, for each noun, the object it means and where it is written."""

    text: str
    nouns: list


def write_captions(table, row, generator):
    """Writes five differing captions of scene `row`.

    A statement is kept if it fits its own scene in exactly one way (so each noun
    means one object) and no other scene of the table at all. At least one caption
    speaks of two objects and one of three.

    Args:
        table: `SceneTable` of the split.
        row: the scene.
        generator: numpy Generator.

    Returns:
        list of five `Caption`, or None where tries run out.
    """
    captions, statements = {}, set()
    places = [2, 3, None, None, None]
    for attempt in range(_TRIES):
        step = attempt / _TRIES
        detail = _LEAST_DETAIL + (_MOST_DETAIL - _LEAST_DETAIL) * step
        wanted = places[len(captions)]
        statement = draw_statement(table, row, generator, wanted, detail)
        if statement is None or not _fits_only(table, row, *statement):
            continue
        relation, mentions = statement
        if (relation, tuple(mentions)) in statements:
            continue
        statements.add((relation, tuple(mentions)))
        text, nouns = word_statement(relation, mentions, generator)
        captions.setdefault(text, Caption(text, nouns))
        if len(captions) == CAPTIONS_PER_SCENE:
            return list(captions.values())
    return None


def _fits_only(table, row, relation, mentions):
    counts = table.count_fits(relation, mentions)
    return counts[row] == 1 and counts.sum() == 1
