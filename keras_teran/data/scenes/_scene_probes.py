"""Probes of the drawn scenes: every wrong caption is false by the scene's own facts."""

import collections
import itertools

import numpy as np

from keras_teran.data.probes._items import ProbeItem, ProbeSet
from keras_teran.data.scenes._embedded import check_split, image_ids_of, write_scenes
from keras_teran.data.scenes._facts import SceneTable
from keras_teran.data.scenes._scenes import COLOURS, SHAPES
from keras_teran.data.scenes._templates import ANY, Mention, phrase, word_statement

_NUMBERS = (None, "one", "two", "three", "four", "five")
_FIELDS = {"color swap": "colour", "texture swap": "texture", "size swap": "size"}
_NOTE = (
    'the captions of the scenes never hold a number, "exactly", "there is" or "no"; of '
    "counts and negation a model that was trained on them knows no word"
)


def make_scene_probes(
    lengths, split="test", seed=0, images=None, item_seed=0, progress=False
):
    """Swaps, counts, negation and half-truths on the embedded scenes.

    The kinds of the first set, one item a scene and kind where the scene admits it:

    - "color swap", "texture swap", "size swap": two objects of a caption exchange one
      attribute;
    - "sides": two objects of a relation exchange their places;
    - "count": "there are exactly two red circles" beside one more or one less, of each
      pair of numbers as often this way as the other, so not one of every scene;
    - "presence": "there is a red star", where one is, beside "there is no red star";
    - "absence": "there is no red star", where none is, beside "there is a red star".

    The second set has a caption, it with an object that is there and unsaid ("... with a
    blue cross"), and it with one that is not there, equally long in tokens.

    A wrong caption is checked against the facts of its scene. A wrong statement fits in
    no way, by the generous test that also keeps captions from being true of a second
    scene (`SceneTable.count_fits`). All captions of an item have the same template and
    the same synonyms.

    Args:
        lengths: function of a list of str that gives the tokens of each, int
            (captions,), such as `CaptionTokenizer.lengths`.
        split: "train", "val" or "test".
        seed, images: of the set, as in `embedded`.
        item_seed: int, 0 or more, draws the items.
        progress: whether to show a bar.

    Returns:
        list of two `ProbeSet`: of the rule "choice" and of the rule "half-truth".

    Raises:
        ValueError: for an unknown split, or a seed or number out of range.
    """
    images = check_split(split, seed, images)
    scenes, captions = write_scenes(split, seed, images, progress)
    choices, counts, additions = [], collections.defaultdict(list), []
    for row, image_id in enumerate(image_ids_of(split, images).tolist()):
        asked = _Asked(scenes[row], image_id, np.random.default_rng([item_seed, row]))
        choices += [*_swaps(asked, captions[row]), *_presences(asked)]
        for numbers, item in _counts(asked):
            counts[numbers].append(item)
        additions += _addition(asked, captions[row], lengths)
    sets = [ProbeSet("scenes", "choice", choices + _balanced(counts), (_NOTE,))]
    if additions:
        sets.append(ProbeSet("scenes, half-truths", "half-truth", additions))
    return sets


class _Asked:
    """A scene with its facts, of which items are made."""

    def __init__(self, scene, image_id, generator):
        self._table = SceneTable([scene])
        self._image_id = image_id
        self.generator = generator
        pairs = [*zip(scene.shapes.tolist(), scene.colours.tolist(), strict=True)]
        # How many objects there are of each (shape, color), and of each shape.
        self.counts = collections.Counter(pairs)
        self.counts.update((shape, ANY) for shape, _ in pairs)
        self.there = sorted({*pairs})

    def is_false(self, relation, mentions):
        """Whether a statement fits the scene in no way, not even just so."""
        return not self._table.count_fits(relation, mentions)[0]

    def item(self, kind, right, wrong):
        """An item; `right` is a tuple of texts, `wrong` one text."""
        image_id = self._image_id
        return ProbeItem((image_id,), right, (wrong,), kind, f"scene {image_id}")

    def draw(self, values):
        """One of the values."""
        return values[int(self.generator.integers(len(values)))]

    def wording(self):
        """A wording that several statements can share."""
        return _Wording(int(self.generator.integers(10_000)))

    def absent(self):
        """Each (shape, color) that is not there, in drawn order.

        Those of a shape and of a color that are there, on other objects, come first.
        """
        pairs = [*itertools.product(range(len(SHAPES)), range(len(COLOURS)))]
        missing = [pair for pair in pairs if not self.counts[pair]]
        colours = {colour for _, colour in self.there}
        missing = [missing[at] for at in self.generator.permutation(len(missing))]
        return sorted(
            missing,
            key=lambda pair: not self.counts[pair[0], ANY] or pair[1] not in colours,
        )


class _Wording:
    """Stands for a numpy Generator: always the same choice of template and synonym."""

    def __init__(self, number):
        self._number = number

    def integers(self, options):
        return self._number % options

    def random(self):
        """So that a texture is an adjective, never "with stripes"."""
        return 1.0


def _swaps(asked, captions):
    """One swap a kind, of the first caption in drawn order that admits it."""
    order = asked.generator.permutation(len(captions))
    for kind in (*_FIELDS, "sides"):
        wording = asked.wording()
        candidates = (
            (captions[at].relation, captions[at].mentions, swapped)
            for at in order
            for swapped in _swapped(kind, captions[at].mentions)
            if asked.is_false(captions[at].relation, swapped)
        )
        for relation, mentions, swapped in itertools.islice(candidates, 1):
            right, _ = word_statement(relation, mentions, wording)
            wrong, _ = word_statement(relation, swapped, wording)
            yield asked.item(kind, (right,), wrong)


def _swapped(kind, mentions):
    """The mentions with two of them changed about."""
    for first, second in itertools.combinations(range(len(mentions)), 2):
        changed = list(mentions)
        if kind == "sides":
            changed[first], changed[second] = mentions[second], mentions[first]
        else:
            field = _FIELDS[kind]
            one, other = (getattr(mentions[at], field) for at in (first, second))
            if ANY in (one, other) or one == other:
                continue
            changed[first] = mentions[first]._replace(**{field: other})
            changed[second] = mentions[second]._replace(**{field: one})
        yield changed


def _counts(asked):
    """Yields `((right number, wrong number), item)` of neighbors, at most one each."""
    wording = asked.wording()
    for number in range(1, len(_NUMBERS)):
        things = sorted(t for t, count in asked.counts.items() if count == number)
        for other in (number - 1, number + 1):
            if things and 1 <= other < len(_NUMBERS):
                thing = asked.draw(things)
                right, wrong = (_exactly(n, thing, wording) for n in (number, other))
                yield (number, other), asked.item("count", (right,), wrong)


def _balanced(counts):
    """As many items where a number is right and its neighbor wrong as the reverse.

    Small numbers are right more often in scenes of three to five objects. Without this a
    rule that knows no picture, "the smaller number", would be right.
    """
    return [
        item
        for (number, other), items in counts.items()
        for item in items[: len(counts.get((other, number), []))]
    ]


def _presences(asked):
    """A thing that is there, and one that is not, each with and without "no"."""
    for kind, thing in (
        ("presence", asked.draw(asked.there)),
        ("absence", asked.absent()[0]),
    ):
        article, name = _said(thing, asked.wording())
        texts = f"there is {article} {name}", f"there is no {name}"
        right, wrong = texts if kind == "presence" else texts[::-1]
        yield asked.item(kind, (right,), wrong)


def _addition(asked, captions, lengths):
    """A caption with an unsaid object, and with one that is not there; or no item."""
    for at in asked.generator.permutation(len(captions)):
        relation, mentions = captions[at].relation, captions[at].mentions
        unsaid = [
            thing
            for thing in asked.there
            if not any(_may_be(m, thing) for m in mentions)
        ]
        if not unsaid:
            continue
        thing, wording = asked.draw(unsaid), asked.wording()
        caption, _ = word_statement(relation, mentions, wording)
        for missing in asked.absent():
            true, wrong = (
                f"{caption} with {' '.join(_said(each, wording))}"
                for each in (thing, missing)
            )
            short, first, second = lengths([caption, true, wrong])
            if short < first == second:
                return [asked.item("object", (caption, true), wrong)]
    return []


def _may_be(mention, thing):
    """Whether a mention may be of an object of such a shape and color."""
    return mention.shape == thing[0] and mention.colour in (ANY, thing[1])


def _said(thing, wording):
    """A (shape, color) in words: the article, and the rest, such as "red circle"."""
    before, noun, _ = phrase(Mention(0, *thing), wording)
    article, _, adjectives = before.partition(" ")
    return article, adjectives + noun


def _exactly(number, thing, wording):
    """Such as "there are exactly two red circles"."""
    _, name = _said(thing, wording)
    ending = "" if number == 1 else "es" if name.endswith(("s", "x")) else "s"
    verb = "is" if number == 1 else "are"
    return f"there {verb} exactly {_NUMBERS[number]} {name}{ending}"
