"""What is true of a scene: statements, and in how many ways an image fits one.

A statement (a relation between mentions) is drawn where it holds plainly, and
tested against other scenes generously, so that a caption counts as fitting another
image even where it does so only just.
"""

import numpy as np

from keras_teran.data.grammar import ANY, Mention

# For each relation the ways it can hold: all the pairs of a way, any of the ways.
# (name, first, second): the mention `first` stands in that relation to `second`.
RELATIONS = {
    "left": [[("left", 0, 1)]],
    "above": [[("above", 0, 1)]],
    "larger": [[("larger", 0, 1)]],
    "same colour": [[("same colour", 0, 1)]],
    "between": [
        [("left", 1, 0), ("left", 0, 2)],
        [("left", 2, 0), ("left", 0, 1)],
        [("above", 1, 0), ("above", 0, 2)],
        [("above", 2, 0), ("above", 0, 1)],
    ],
    "row": [[("left", 0, 1), ("left", 1, 2)]],
    "column": [[("above", 0, 1), ("above", 1, 2)]],
    "left and above": [[("left", 0, 1), ("above", 0, 2)]],
    "left and below": [[("left", 0, 1), ("above", 2, 0)]],
    "left and larger": [[("left", 0, 1), ("larger", 0, 2)]],
}
_PAIRS = ("left", "above", "larger", "same colour")
_TRIPLES = tuple(name for name in RELATIONS if name not in _PAIRS)
_SHARE_OF_PAIRS = 0.4
# Places whose size or colour the relation itself speaks of.
_SIZE_UNSAID = {"larger": (0, 1), "left and larger": (0, 2)}
_COLOUR_UNSAID = {"same colour": (0,)}


class SceneTable:
    """Scenes side by side as arrays padded with objects that fit nothing.

    Attributes:
        attributes: int8 (4, scenes, objects): shape, colour, texture, size; -2 where
            there is no object.
        holds: dict, relation of two objects -> bool (scenes, objects, objects),
            generous. False where either object is missing, and on the diagonal.
        holds_plainly: the same, strict.
    """

    def __init__(self, scenes):
        width = max(len(scene) for scene in scenes)
        self.attributes = np.full((4, len(scenes), width), -2, np.int8)
        radii = np.ones((len(scenes), width))
        centres = np.zeros((len(scenes), width, 2))
        for row, scene in enumerate(scenes):
            values = scene.shapes, scene.colours, scene.textures, scene.sizes
            self.attributes[:, row, : len(scene)] = values
            radii[row, : len(scene)] = scene.radii
            centres[row, : len(scene)] = scene.centres
        shape, colour, _, size = self.attributes
        there = shape >= 0
        both = there[:, :, None] & there[:, None, :] & ~np.eye(width, dtype=bool)
        step = centres[:, None, :, :] - centres[:, :, None, :]
        ratio = radii[:, :, None] / radii[:, None, :]
        same = (colour[:, :, None] == colour[:, None, :]) & both
        across, down = np.abs(step[..., 0]), np.abs(step[..., 1])
        self.holds = {
            "left": (step[..., 0] > 2) & both,
            "above": (step[..., 1] > 2) & both,
            "larger": (ratio > 1.1) & both,
            "same colour": same,
        }
        self.holds_plainly = {
            "left": (step[..., 0] > 14) & (across > 0.5 * down) & both,
            "above": (step[..., 1] > 14) & (down > 0.5 * across) & both,
            "larger": (size[:, :, None] > size[:, None, :]) & both,
            "same colour": same,
        }

    def count_fits(self, relation, mentions):
        """In how many ways each scene fits a statement.

        Args:
            relation: a key of `RELATIONS`.
            mentions: its `Mention` objects; which `thing` they mean is not used.

        Returns:
            int64 (scenes,): ways to put different objects in the mentions' places.
        """
        fits = [self._fits(mention) for mention in mentions]
        counts = np.zeros(self.attributes.shape[1], np.int64)
        rows = np.flatnonzero(np.all([fit.any(axis=1) for fit in fits], axis=0))
        places = np.ones((len(rows),) + (1,) * len(mentions), bool)
        for place, fit in enumerate(fits):
            places = places & _spread(fit[rows], len(mentions), place)
        held = self._ways(self.holds, RELATIONS[relation], rows, len(mentions))
        axes = tuple(range(1, len(mentions) + 1))
        counts[rows] = (places & held & _all_different(places.shape)).sum(axis=axes)
        return counts

    def plain_tuples(self, relation, row):
        """The objects of scene `row` that plainly stand in a relation.

        Returns:
            int64 (tuples, places): object numbers, all different.
        """
        ways = RELATIONS[relation]
        places = 1 + max(max(pair[1:]) for way in ways for pair in way)
        held = self._ways(self.holds_plainly, ways, np.array([row]), places)
        return np.argwhere((held & _all_different(held.shape))[0])

    def _fits(self, mention):
        """bool (scenes, objects): what the mention says is true of the object."""
        fits = self.attributes[0] == mention.shape
        for values, value in zip(self.attributes[1:], mention[2:], strict=True):
            if value != ANY:
                fits &= values == value
        return fits

    def _ways(self, holds, ways, rows, places):
        """bool (rows, objects, ... one axis a place): any way holds in full."""
        width = self.attributes.shape[2]
        found = np.zeros((len(rows),) + (width,) * places, bool)
        for way in ways:
            held = True
            for name, first, second in way:
                held = held & _spread(holds[name][rows], places, first, second)
            found |= held
        return found


def _spread(values, places, *axes):
    """Puts the object axes of (scenes, objects, ...) at the places named by `axes`."""
    if len(axes) == 2 and axes[0] > axes[1]:
        values, axes = values.swapaxes(1, 2), axes[::-1]
    shape = [values.shape[0]] + [1] * places
    for axis in axes:
        shape[1 + axis] = values.shape[1]
    return values.reshape(shape)


def _all_different(shape):
    """bool (1, objects, ...): True where no object is in two places."""
    numbers = np.indices(shape[1:])
    different = np.ones(shape[1:], bool)
    for first in range(len(numbers)):
        for second in range(first):
            different &= numbers[first] != numbers[second]
    return different[None]


def draw_statement(table, row, generator, places=None, detail=0.5):
    """Draws a statement that plainly holds in scene `row`.

    Args:
        table: the `SceneTable`.
        row: the scene.
        generator: numpy Generator.
        places: 2 or 3 objects; None leaves it to chance.
        detail: chance in 0..1 that a texture or a size is said; colours always are.

    Returns:
        (relation, mentions), or None where no objects stand so.
    """
    if places is None:
        places = 2 if generator.random() < _SHARE_OF_PAIRS else 3
    relations = _PAIRS if places == 2 else _TRIPLES
    relation = relations[generator.integers(len(relations))]
    tuples = table.plain_tuples(relation, row)
    if not len(tuples):
        return None
    things = tuples[generator.integers(len(tuples))]
    mentions = [
        _mention(table, row, thing, place, relation, generator.random(2) < detail)
        for place, thing in enumerate(things.tolist())
    ]
    return relation, mentions


def _mention(table, row, thing, place, relation, said):
    """Says an object's shape and colour, texture and size where `said`."""
    shape, colour, texture, size = table.attributes[:, row, thing].tolist()
    if place in _SIZE_UNSAID.get(relation, ()):
        size = ANY
    if place in _COLOUR_UNSAID.get(relation, ()):
        colour = ANY
    return Mention(
        thing, shape, colour, texture if said[0] else ANY, size if said[1] else ANY
    )
