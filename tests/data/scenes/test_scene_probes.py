"""Probes of the drawn scenes against an oracle that reads the captions again.

The oracle knows the templates and the scenes, and none of the code that makes items: a
sentence is parsed, and its statement tried on all objects by plain loops.
"""

import itertools
import re

import numpy as np
import pytest

from keras_teran.data.scenes._embedded import embedded, write_scenes
from keras_teran.data.scenes._scene_probes import _Asked, make_scene_probes
from keras_teran.data.scenes._templates import (
    _COLOURS,
    _NOUNS,
    _SIZES,
    _TEXTURES,
    TEMPLATES,
)

IMAGES = 30
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}


def word_lengths(texts):
    return np.array([len(text.split()) for text in texts])


@pytest.fixture(scope="module")
def made():
    return make_scene_probes(word_lengths, "val", images=IMAGES)


@pytest.fixture(scope="module")
def scenes():
    """Image id -> scene."""
    drawn, _ = write_scenes("val", 0, IMAGES, False)
    return {1_000_000 + row: scene for row, scene in enumerate(drawn)}


def one_of(groups):
    return "|".join(word for words in groups for word in words)


PHRASE = (
    rf"an? (?:(?P<size{{0}}>{one_of(_SIZES)}) )?(?:(?P<texture{{0}}>{one_of(_TEXTURES)}) )?"
    rf"(?:(?P<colour{{0}}>{one_of(_COLOURS)}) )?(?P<noun{{0}}>{one_of(_NOUNS)})"
)


def index_in(groups, word):
    return next(i for i, words in enumerate(groups) if word in words)


def described(found, place):
    """(attribute, value) pairs that a phrase of a sentence says."""
    words = [
        ("sizes", _SIZES, found[f"size{place}"]),
        ("textures", _TEXTURES, found[f"texture{place}"]),
        ("colours", _COLOURS, found[f"colour{place}"]),
        ("shapes", _NOUNS, found[f"noun{place}"]),
    ]
    return [(name, index_in(groups, word)) for name, groups, word in words if word]


def parses(text):
    """Every (relation, descriptions of its mentions) that a sentence can mean."""
    for relation, templates in TEMPLATES.items():
        for template in templates:
            pattern = re.sub(r"\{(\d)\}", lambda d: PHRASE.format(d[1]), template)
            if found := re.fullmatch(pattern, text):
                places = sorted(set(re.findall(r"\{(\d)\}", template)))
                yield relation, [described(found, place) for place in places]


def is_left(scene, a, b):
    return scene.centres[b][0] - scene.centres[a][0] > 2


def is_above(scene, a, b):
    return scene.centres[b][1] - scene.centres[a][1] > 2


def is_larger(scene, a, b):
    return scene.radii[a] / scene.radii[b] > 1.1


def holds(scene, relation, things):
    """Whether objects stand in a relation, generously."""
    a, b, *rest = things
    c = rest[0] if rest else None
    match relation:
        case "left":
            return is_left(scene, a, b)
        case "above":
            return is_above(scene, a, b)
        case "larger":
            return is_larger(scene, a, b)
        case "same colour":
            return scene.colours[a] == scene.colours[b]
        case "between":
            return any(
                test(scene, x, a) and test(scene, a, y)
                for test in (is_left, is_above)
                for x, y in ((b, c), (c, b))
            )
        case "row":
            return is_left(scene, a, b) and is_left(scene, b, c)
        case "column":
            return is_above(scene, a, b) and is_above(scene, b, c)
        case "left and above":
            return is_left(scene, a, b) and is_above(scene, a, c)
        case "left and below":
            return is_left(scene, a, b) and is_above(scene, c, a)
        case "left and larger":
            return is_left(scene, a, b) and is_larger(scene, a, c)
    raise AssertionError(relation)


def fits(scene, thing, description):
    return all(getattr(scene, name)[thing] == value for name, value in description)


def is_true(scene, text):
    """Whether a relation's sentence is true of a scene in any reading and any way."""
    readings = list(parses(text))
    assert readings, text
    return any(
        all(map(fits, itertools.repeat(scene), things, descriptions))
        and holds(scene, relation, things)
        for relation, descriptions in readings
        for things in itertools.permutations(range(len(scene)), len(descriptions))
    )


def counted(scene, name):
    """How many objects a name such as "red circles" fits."""
    words = name.split()
    colour = [index_in(_COLOURS, words[0])] if len(words) == 2 else range(len(_COLOURS))
    shape = next(
        i
        for i, nouns in enumerate(_NOUNS)
        if any(words[-1] in (noun, f"{noun}s", f"{noun}es") for noun in nouns)
    )
    return sum(
        scene.shapes[at] == shape and scene.colours[at] in colour
        for at in range(len(scene))
    )


def may_mean(description, name):
    """Whether a phrase may be of the object that a name such as "red circle" names."""
    colour, noun = name.split()
    return description["shapes"] == index_in(_NOUNS, noun) and description.get(
        "colours", index_in(_COLOURS, colour)
    ) == index_in(_COLOURS, colour)


def test_what_is_true_of_a_scene_is_not_taken_for_false():
    drawn, captions = write_scenes("val", 0, 6, False)
    for scene, own in zip(drawn, captions, strict=True):
        asked = _Asked(scene, 0, np.random.default_rng(0))
        assert not any(asked.is_false(c.relation, c.mentions) for c in own)


def test_a_swap_is_false_of_its_scene_and_its_right_caption_true(made, scenes):
    choices = made[0]
    swaps = [i for i in choices.items if "swap" in i.kind or i.kind == "sides"]
    assert {item.kind for item in swaps} == {
        "color swap",
        "texture swap",
        "size swap",
        "sides",
    }
    for item in swaps:
        scene = scenes[item.images[0]]
        assert is_true(scene, item.right[0]), item
        assert not is_true(scene, item.wrong[0]), item
        # The same words, up to "a" and "an".
        words = [
            sorted({"an": "a"}.get(word, word) for word in re.findall(r"\w+", text))
            for text in (item.right[0], item.wrong[0])
        ]
        assert words[0] == words[1]


def test_a_count_is_right_or_wrong_by_the_objects(made, scenes):
    counts = [item for item in made[0].items if item.kind == "count"]
    assert len(counts) > IMAGES / 2
    for item in counts:
        scene = scenes[item.images[0]]
        for text, right in ((item.right[0], True), (item.wrong[0], False)):
            verb, number, name = re.fullmatch(
                r"there (is|are) exactly (\w+) ([\w ]+)", text
            ).groups()
            assert (counted(scene, name) == NUMBERS[number]) == right, item
            assert (verb == "is") == (number == "one")
            assert name.endswith("s") == (number != "one") or name.endswith("cross")


def test_no_number_is_right_more_often_than_wrong(made):
    counts = [item for item in made[0].items if item.kind == "count"]
    pairs = [
        tuple(NUMBERS[text.split()[3]] for text in (item.right[0], item.wrong[0]))
        for item in counts
    ]
    assert {abs(right - wrong) for right, wrong in pairs} == {1}
    assert all(pairs.count((a, b)) == pairs.count((b, a)) for a, b in pairs)


def test_presence_and_absence_are_negated_by_one_word(made, scenes):
    for kind, is_there in (("presence", True), ("absence", False)):
        items = [item for item in made[0].items if item.kind == kind]
        assert len(items) == IMAGES
        for item in items:
            positive, negative = (item.right[0], item.wrong[0])[
                :: 1 if is_there else -1
            ]
            name = re.fullmatch(r"there is an? ([\w ]+)", positive)[1]
            assert negative == f"there is no {name}"
            assert (counted(scenes[item.images[0]], name) > 0) == is_there


def test_an_addition_is_there_and_unsaid_or_is_not_there(made, scenes):
    additions = made[1]
    assert additions.rule == "half-truth"
    assert len(additions.items) > IMAGES / 2
    for item in additions.items:
        scene = scenes[item.images[0]]
        caption, true = item.right
        assert is_true(scene, caption)
        names = [
            re.fullmatch(r" with an? ([\w ]+)", text.removeprefix(caption))[1]
            for text in (true, *item.wrong)
        ]
        assert [counted(scene, name) > 0 for name in names] == [True, False]
        for _, descriptions in parses(caption):
            assert not any(
                may_mean(dict(description), names[0]) for description in descriptions
            )
        short, first, second = word_lengths([caption, true, *item.wrong])
        assert short < first == second


def test_items_are_of_the_images_of_the_drawn_set(made):
    drawn = embedded("val", images=IMAGES)
    asked = {item.images[0] for each in made for item in each.items}
    assert asked == set(drawn.captions.image_ids.tolist())
    assert made[0].name == "scenes"
    assert 'never hold a number, "exactly", "there is" or "no"' in made[0].notes[0]


def test_the_same_seed_makes_the_same_items_and_another_seed_others(made):
    assert make_scene_probes(word_lengths, "val", images=IMAGES) == made
    others = make_scene_probes(word_lengths, "val", images=IMAGES, item_seed=1)
    assert others[0].items != made[0].items


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match="split='dev' is unknown; choose one of"):
        make_scene_probes(word_lengths, "dev")
