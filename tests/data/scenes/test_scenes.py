"""Scenes, what is true of them, how it is worded and drawn."""

import itertools

import numpy as np
import pytest

from keras_teran.data.scenes._caption_writer import write_captions
from keras_teran.data.scenes._drawing import draw
from keras_teran.data.scenes._facts import RELATIONS, SceneTable, plain_statements
from keras_teran.data.scenes._scenes import (
    ATTRIBUTES,
    COLOURS,
    FAMILY_SIZE,
    PICTURE_SIZE,
    SHAPES,
    SPLITS,
    Scene,
    draw_family,
    split_of,
)
from keras_teran.data.scenes._templates import (
    ANY,
    CONTENT_WORDS,
    TEMPLATES,
    Mention,
    bag_of_words,
    word_statement,
)

CIRCLE, SQUARE, STAR = (SHAPES.index(name) for name in ("circle", "square", "star"))
RED, GREEN, BLUE = (COLOURS.index(name) for name in ("red", "green", "blue"))


def scene(*things):
    """A scene of (shape, colour, size, x, y), plain objects of radius 10 or 18."""
    shapes, colours, sizes, x, y = (
        np.array(values) for values in zip(*things, strict=True)
    )
    return Scene(
        shapes=shapes,
        colours=colours,
        textures=np.zeros(len(things), np.int64),
        sizes=sizes,
        radii=np.where(sizes == 1, 18.0, 10.0),
        centres=np.stack([x, y], axis=1).astype(float),
        ground=0,
        family=0,
    )


def naive_count(one, relation, mentions):
    """Ways to fit a statement, by trying every choice of different objects."""

    def says(mention, thing):
        values = (one.shapes, one.colours, one.textures, one.sizes)
        told = zip(mention[1:], values, strict=True)
        return all(value in (ANY, array[thing]) for value, array in told)

    def holds(name, first, second):
        x_step, y_step = one.centres[second] - one.centres[first]
        return {
            "left": x_step > 2,
            "above": y_step > 2,
            "larger": one.radii[first] / one.radii[second] > 1.1,
            "same colour": one.colours[first] == one.colours[second],
        }[name]

    count = 0
    for things in itertools.permutations(range(len(one)), len(mentions)):
        fits = all(says(m, t) for m, t in zip(mentions, things, strict=True))
        count += fits and any(
            all(holds(name, things[a], things[b]) for name, a, b in way)
            for way in RELATIONS[relation]
        )
    return count


def families(split, count, seed=0):
    return [draw_family(split, seed, number) for number in range(count)]


def test_the_members_of_a_family_share_their_attributes_and_differ_in_binding():
    for members in families("train", 20):
        assert len(members) == FAMILY_SIZE
        assert len({member.signature() for member in members}) == 1
        looks = {
            tuple(
                sorted(
                    (*values, *place)
                    for values, place in zip(
                        np.stack([getattr(m, name) for name in ATTRIBUTES]).T.tolist(),
                        (m.centres // 8).tolist(),
                        strict=True,
                    )
                )
            )
            for m in members
        }
        assert len(looks) == FAMILY_SIZE


@pytest.mark.seconds
def test_no_signature_is_in_two_splits_whatever_their_seeds():
    seen = {
        split: {f[0].signature() for seed in (0, 5) for f in families(split, 60, seed)}
        for split in SPLITS
    }
    assert all(len(signatures) > 100 for signatures in seen.values())
    for split, signatures in seen.items():
        assert {split_of(signature) for signature in signatures} == {split}


def test_a_family_depends_on_split_seed_and_number_only():
    def centres(*arguments):
        return np.concatenate([m.centres for m in draw_family(*arguments)]).tolist()

    same = centres("val", 3, 7)
    assert centres("val", 3, 7) == same
    assert centres("val", 4, 7) != same
    assert centres("val", 3, 8) != same
    assert centres("test", 3, 7) != same


def test_objects_stand_apart_and_inside_the_picture():
    for member in itertools.chain(*families("train", 30)):
        low = member.centres - member.radii[:, None]
        high = member.centres + member.radii[:, None]
        assert low.min() > 0 and high.max() < PICTURE_SIZE
        for a, b in itertools.combinations(range(len(member)), 2):
            gap = np.hypot(*(member.centres[a] - member.centres[b]))
            assert gap > 34


def test_the_true_box_of_a_circle_is_its_centre_and_radius():
    circle = scene((CIRCLE, RED, 0, 40, 90))
    _, boxes = draw(circle, np.random.default_rng(0))
    # A circle is drawn at 0.95 of its radius of 10 pixels.
    expected = [40 - 9.5, 90 - 9.5, 40 + 9.5, 90 + 9.5]
    np.testing.assert_allclose(boxes[0] * PICTURE_SIZE, expected, atol=1)


def test_an_object_is_painted_inside_its_box_and_nowhere_else():
    _, boxes = draw(scene((STAR, BLUE, 1, 80, 30)), np.random.default_rng(0))
    picture, _ = draw(scene((STAR, BLUE, 1, 80, 30)), np.random.default_rng(0))
    red, _, blue = np.moveaxis(picture.astype(int), -1, 0)
    rows, columns = np.nonzero(blue - red > 80)
    left, top, right, bottom = boxes[0] * PICTURE_SIZE
    assert (columns.min(), rows.min()) == pytest.approx((left, top), abs=1)
    assert (columns.max() + 1, rows.max() + 1) == pytest.approx((right, bottom), abs=1)


def test_relations_are_read_from_the_picture_x_to_the_right_and_y_downwards():
    # A large red circle top left, a small blue square right of it, a red star below.
    table = SceneTable(
        [
            scene(
                (CIRCLE, RED, 1, 30, 30),
                (SQUARE, BLUE, 0, 100, 34),
                (STAR, RED, 0, 34, 100),
            )
        ]
    )
    holding = {
        name: {tuple(things) for things in table.plain_tuples(name, 0).tolist()}
        for name in RELATIONS
    }
    # The star is left of the square and below it as well: 66 pixels each way.
    assert holding["left"] == {(0, 1), (2, 1)}
    assert holding["above"] == {(0, 2), (1, 2)}
    assert holding["larger"] == {(0, 1), (0, 2)}
    assert holding["same colour"] == {(0, 2), (2, 0)}
    assert holding["left and above"] == {(0, 1, 2)}
    assert holding["left and below"] == {(2, 1, 0)}
    assert holding["left and larger"] == {(0, 1, 2)}
    assert holding["between"] == holding["row"] == holding["column"] == set()


def test_between_is_along_either_axis_and_in_either_order():
    row = [(CIRCLE, RED, 0, 20, 60), (STAR, RED, 0, 64, 60), (SQUARE, RED, 0, 108, 60)]
    column = [(shape, colour, size, y, x) for shape, colour, size, x, y in row]
    for things in (row, column):
        held = SceneTable([scene(*things)]).plain_tuples("between", 0).tolist()
        assert held == [[1, 0, 2], [1, 2, 0]]


@pytest.mark.seconds
def test_counting_fits_equals_trying_every_choice_of_objects():
    scenes = list(itertools.chain(*families("val", 12)))
    table = SceneTable(scenes)
    generator = np.random.default_rng(0)
    several = 0
    for _ in range(300):
        relation = list(RELATIONS)[generator.integers(len(RELATIONS))]
        things = scenes[generator.integers(len(scenes))]
        places = 2 if relation in ("left", "above", "larger", "same colour") else 3
        mentions = [
            Mention(
                0,
                things.shapes[thing],
                *(
                    values[thing] if generator.random() < 0.4 else ANY
                    for values in (things.colours, things.textures, things.sizes)
                ),
            )
            for thing in generator.permutation(len(things))[:places]
        ]
        expected = [naive_count(one, relation, mentions) for one in scenes]
        assert table.count_fits(relation, mentions).tolist() == expected
        several += max(expected) > 1
    assert several > 20


def test_what_plainly_holds_is_true_generously_too():
    scenes = list(itertools.chain(*families("val", 6)))
    table = SceneTable(scenes)
    for row, one in enumerate(scenes):
        for relation, tuples in itertools.chain(*plain_statements(table, row).values()):
            for things in tuples.tolist():
                mentions = [Mention(thing, one.shapes[thing]) for thing in things]
                assert naive_count(one, relation, mentions) >= 1


@pytest.mark.seconds
def test_captions_are_true_of_their_own_scene_once_and_of_no_other():
    scenes = list(itertools.chain(*families("test", 10)))
    table = SceneTable(scenes)
    written = 0
    for row, own in enumerate(scenes):
        captions = write_captions(table, row, np.random.default_rng(row)) or []
        for caption in captions:
            counts = [
                naive_count(one, caption.relation, caption.mentions) for one in scenes
            ]
            assert counts[row] == 1 and sum(counts) == 1
            for mention in caption.mentions:
                assert own.shapes[mention.thing] == mention.shape
            written += 1
    assert written > 250


def wordings(relation, *mentions):
    """Every text that many draws give."""
    generator = np.random.default_rng(0)
    return {word_statement(relation, mentions, generator)[0] for _ in range(400)}


def test_left_is_worded_in_every_order_with_the_same_meaning():
    star, cross = Mention(0, STAR, GREEN), Mention(1, SHAPES.index("cross"), BLUE)
    assert wordings("left", star, cross) == {
        "a green star is to the left of a blue cross",
        "a green star left of a blue cross",
        "a blue cross is to the right of a green star",
        "a blue cross has a green star on its left",
        "to the right of a green star is a blue cross",
        "a green star is followed on the right by a blue cross",
    }


def test_larger_is_worded_active_and_passive_with_the_same_meaning():
    star, cross = Mention(0, STAR, GREEN), Mention(1, SHAPES.index("cross"), BLUE)
    assert wordings("larger", star, cross) == {
        "a green star is larger than a blue cross",
        "a green star is bigger than a blue cross",
        "a blue cross is smaller than a green star",
        "a green star dwarfs a blue cross",
        "a blue cross is dwarfed by a green star",
    }


def test_an_orange_thing_takes_an():
    texts = wordings("left", Mention(0, STAR, COLOURS.index("orange")), Mention(1, 3))
    assert all("an orange star" in text and "a orange" not in text for text in texts)


@pytest.mark.parametrize("relation", TEMPLATES)
def test_spans_are_those_of_the_nouns(relation):
    things = [(5, "cross"), (3, "star"), (9, "star")]
    mentions = [
        Mention(5, SHAPES.index("cross"), RED, 1, 0),
        Mention(3, STAR, BLUE, 2, 1),
        Mention(9, STAR, GREEN, 3, 1),
    ]
    places = 3 if "{2}" in TEMPLATES[relation][0] else 2
    for seed in range(30):
        generator = np.random.default_rng(seed)
        text, nouns = word_statement(relation, mentions[:places], generator)
        assert sorted(thing for thing, _ in nouns) == sorted(
            thing for thing, _ in things[:places]
        )
        for thing, (start, end) in nouns:
            assert text[start:end] == dict(things)[thing]


@pytest.mark.parametrize("relation", TEMPLATES)
def test_a_bag_of_words_has_neither_order_nor_relation(relation):
    mentions = [Mention(0, CIRCLE, RED), Mention(1, STAR, BLUE), Mention(2, STAR)]
    places = 3 if "{2}" in TEMPLATES[relation][0] else 2
    for template in TEMPLATES[relation]:
        text = template.format("a red circle", "a blue star", "a green star")
        kept = (
            "blue circle red star" if places == 2 else "blue circle green red star star"
        )
        assert bag_of_words(text) == kept
    text, _ = word_statement(relation, mentions[:places], np.random.default_rng(0))
    assert set(bag_of_words(text).split()) <= CONTENT_WORDS


def test_a_bag_of_words_cannot_tell_bindings_apart():
    assert bag_of_words("a red circle over a blue square") == bag_of_words(
        "a red square is topped by a blue circle"
    )
