"""What is true of a scene: statements, and in how many ways an image fits one.

A statement (a relation between mentions) is drawn where it holds plainly, and
tested against other scenes generously, so that a caption counts as fitting another
image even where it does so only just.
"""

import functools

import numpy as np

from keras_teran.data.scenes._templates import ANY, Mention

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
        self._kept = {}
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
        counts = np.zeros(self.attributes.shape[1], np.int64)
        rows = self._candidates(mentions)
        fits = True
        for place, mention in enumerate(mentions):
            fits = fits & _spread(self._fits(mention, rows), len(mentions), place)
        held = self._ways(self.holds, RELATIONS[relation], rows, len(mentions))
        fits = fits & held & _all_different(held.shape[1], len(mentions))
        counts[rows] = fits.sum(axis=tuple(range(1, fits.ndim)))
        return counts

    def plain_tuples(self, relation, row):
        """The objects of scene `row` that plainly stand in a relation.

        Returns:
            int64 (tuples, places): object numbers, all different.
        """
        places = 3 if relation in _TRIPLES else 2
        rows = np.array([row])
        held = self._ways(self.holds_plainly, RELATIONS[relation], rows, places)
        return np.argwhere((held & _all_different(held.shape[1], places))[0])

    def _candidates(self, mentions):
        """Scenes that have the shape and colour of every mention, int64 (rows,)."""
        found = self._having(mentions[0].shape, mentions[0].colour)
        for mention in mentions[1:]:
            found = found & self._having(mention.shape, mention.colour)
        return np.flatnonzero(found)

    def _having(self, shape, colour):
        """bool (scenes,): there is such an object. Kept, as it is asked often."""
        key = shape, colour
        if key not in self._kept:
            fits = self.attributes[0] == shape
            if colour != ANY:
                fits &= self.attributes[1] == colour
            self._kept[key] = fits.any(axis=1)
        return self._kept[key]

    def _fits(self, mention, rows):
        """bool (rows, objects): what the mention says is true of the object."""
        values = self.attributes[:, rows]
        fits = values[0] == mention.shape
        for kind, value in enumerate(mention[2:], start=1):
            if value != ANY:
                fits &= values[kind] == value
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


@functools.cache
def _all_different(width, places):
    """bool (1, objects, ...): True where no object is in two places."""
    numbers = np.indices((width,) * places)
    different = np.ones((width,) * places, bool)
    for first in range(places):
        for second in range(first):
            different &= numbers[first] != numbers[second]
    return different[None]


def plain_statements(table, row):
    """All that plainly holds in a scene.

    Args:
        table: the `SceneTable`.
        row: the scene.

    Returns:
        dict, 2 or 3 (objects mentioned) -> list of (relation, int64 (tuples, objects))
        for the relations that hold; the list may be empty.
    """
    found = {2: _PAIRS, 3: _TRIPLES}
    for places, relations in found.items():
        tuples = ((name, table.plain_tuples(name, row)) for name in relations)
        found[places] = [(name, things) for name, things in tuples if len(things)]
    return found


def draw_mentions(table, row, relation, things, detail, generator):
    """Chooses what is said of the objects of a statement.

    Args:
        table: the `SceneTable`.
        row: the scene.
        relation: a key of `RELATIONS`.
        things: int64 (objects,), numbers of the objects in the scene.
        detail: chance in 0..1 that a texture or a size is said; shapes always are,
            and colours but where the relation itself speaks of them.
        generator: numpy Generator.

    Returns:
        list of `Mention`.
    """
    return [
        _mention(table, row, thing, place, relation, generator.random(2) < detail)
        for place, thing in enumerate(things.tolist())
    ]


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
