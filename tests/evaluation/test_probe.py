"""A probe of a model: rows, intervals, cases, and what cannot be had alone."""

import json

import numpy as np
import pytest
from support.pairs import image_inputs
from support.tiny_models import tiny, tiny_tokenizer

from keras_teran.data._memory_store import MemoryRegions
from keras_teran.data.probes._items import ProbeItem, ProbeSet
from keras_teran.evaluation._probe import MEAN_OF_KINDS, probe
from keras_teran.evaluation._probe_rules import RULES
from keras_teran.evaluation._probe_table import case_rows, format_probe, probe_rows
from keras_teran.evaluation._statistics import bootstrap, interval
from keras_teran.pipeline._matcher import Matcher

pytestmark = pytest.mark.seconds

IDS = np.array([11, 12, 13, 14, 15, 16])
WORDS = ["red", "blue", "ring", "square", "star", "two", "over", "left"]
HALF = ("true above wrong", "falls by the wrong", "falls by the true")


@pytest.fixture(scope="module")
def matcher():
    return Matcher(tiny(), tiny_tokenizer(WORDS), {})


@pytest.fixture(scope="module")
def store():
    inputs = image_inputs(dim=8)
    return MemoryRegions(IDS, *(inputs[n] for n in ("regions", "boxes", "region_mask")))


def items_of(rule, count=24, seed=0):
    """Items of two kinds, the second of images 11 and 12 alone."""
    rng = np.random.default_rng(seed)

    def texts(number):
        return tuple(" ".join(rng.permutation(WORDS)[:4]) for _ in range(number))

    right, wrong = {"choice": (1, 2), "both ways": (2, 0), "half-truth": (2, 1)}[rule]
    items = []
    for number in range(count):
        kind = "rare" if number % 4 == 0 else "common"
        images = IDS[: 2 if kind == "rare" else 6]
        keys = rng.permutation(images)[: 2 if rule == "both ways" else 1].tolist()
        place = f"item {number}"
        items.append(ProbeItem(tuple(keys), texts(right), texts(wrong), kind, place))
    return items


@pytest.fixture(scope="module")
def results(matcher, store):
    """Rule -> (items, result)."""
    found = {}
    for rule in RULES:
        items = items_of(rule)
        asked = ProbeSet("made", rule, items, notes=("made up",))
        found[rule] = items, probe(matcher, asked, store, cases=3, seed=5)
    return found


@pytest.fixture(scope="module")
def scores_of(matcher, store):
    """Function of an item that gives its scores, (images, texts), by one matrix of all."""
    every = [item for rule in RULES for item in items_of(rule)]
    texts = sorted({text for item in every for text in item.right + item.wrong})
    model = matcher.model
    matrix = model.similarity(model.encode(store.read(IDS)), matcher.encode(texts))
    rows = {image: row for row, image in enumerate(IDS.tolist())}
    columns = {text: column for column, text in enumerate(texts)}

    def scores(item):
        chosen = [columns[text] for text in item.right + item.wrong]
        return np.asarray(matrix)[[rows[image] for image in item.images]][:, chosen]

    return scores


def outcomes_of(rule, scores):
    """The figures of one item, written out."""
    if rule == "choice":
        (row,) = scores
        return [row[0] > row[1] and row[0] > row[2]]
    if rule == "half-truth":
        ((caption, true, wrong),) = scores
        return [true > wrong, wrong < caption, true < caption]
    (a, b), (c, d) = scores
    return [a > b and d > c, a > c and d > b, a > b and d > c and a > c and d > b]


@pytest.mark.parametrize("rule", RULES)
def test_figures_are_the_shares_of_items_in_plain_loops(scores_of, results, rule):
    items, result = results[rule]
    outcomes = np.array([outcomes_of(rule, scores_of(i)) for i in items])
    rows = {row.kind: row for row in result.rows}
    assert list(rows) == ["all", "rare", "common", MEAN_OF_KINDS]
    kinds = np.array([item.kind for item in items])
    for kind, chosen in (
        ("all", kinds != ""),
        ("rare", kinds == "rare"),
        ("common", kinds == "common"),
    ):
        found = [f["value"] for f in rows[kind].figures.plain().values()]
        np.testing.assert_allclose(found, outcomes[chosen].mean(axis=0))
        assert rows[kind].items == chosen.sum()
    by_kind = [outcomes[kinds == kind].mean(axis=0) for kind in ("rare", "common")]
    means = [f["value"] for f in rows[MEAN_OF_KINDS].figures.plain().values()]
    np.testing.assert_allclose(means, np.mean(by_kind, axis=0))


@pytest.mark.seconds
def test_intervals_draw_the_images_of_a_kind_with_all_their_items(scores_of, results):
    items, result = results["choice"]
    rare = [item for item in items if item.kind == "rare"]
    right = [outcomes_of("choice", scores_of(i))[0] for i in rare]
    images = list(dict.fromkeys(item.images for item in rare))
    top, below = np.zeros((2, len(images), 1))
    for item, outcome in zip(rare, right, strict=True):
        top[images.index(item.images)] += outcome
        below[images.index(item.images)] += 1
    (row,) = (row for row in result.rows if row.kind == "rare")
    (figure,) = row.figures.plain().values()
    expected = interval(bootstrap([(top, below)], seed=5)).ravel()
    assert figure["interval"] == pytest.approx(expected.tolist())
    assert row.images == len(images) == 2


def test_three_figures_of_a_half_truth_are_had_together_or_not_at_all(results):
    figures = results["half-truth"][1].rows[0].figures
    public = [name for name in dir(figures) if not name.startswith("_")]
    assert public == ["cells", "plain"]
    assert tuple(figures.plain()) == HALF
    assert len(figures.cells()) == 3
    assert all(name in str(figures) for name in HALF)
    assert all(name in repr(figures) for name in HALF)
    for take_one in (
        lambda: figures[0],
        lambda: next(iter(figures)),
        lambda: float(figures),
    ):
        with pytest.raises(TypeError):
            take_one()
    for name in HALF:
        with pytest.raises(AttributeError):
            getattr(figures, name.replace(" ", "_"))


def test_every_row_and_every_line_of_half_truths_has_the_three_figures(results):
    result = results["half-truth"][1]
    for row in probe_rows([result]):
        assert all(f"{name} " in row["figures"] for name in HALF)
    header, *lines = format_probe(result).splitlines()[1:]
    assert [name in header for name in HALF] == [True] * 3
    for line in lines[: len(result.rows)]:
        assert line.count(", chance 50.0") == 3
    for row in result.plain()["rows"]:
        assert list(row["figures"]) == list(HALF)


def test_chance_stands_beside_each_figure(results):
    chances = {
        rule: [f["chance"] for f in result.rows[0].figures.plain().values()]
        for rule, (_, result) in results.items()
    }
    assert chances["choice"] == [pytest.approx(1 / 3)]
    assert chances["both ways"] == pytest.approx([1 / 4, 1 / 4, 1 / 6])
    assert chances["half-truth"] == [1 / 2] * 3
    assert ", chance 33.3" in format_probe(results["choice"][1])


def test_cases_are_the_lowest_and_the_highest_margins(scores_of, results):
    items, result = results["choice"]
    margins = []
    for item in items:
        ((right, *wrong),) = scores_of(item)
        margins.append(right - max(wrong))
    order = np.argsort(margins)
    assert [case.right for case in result.worst] == [items[i].right for i in order[:3]]
    assert [case.wrong for case in result.best] == [
        items[i].wrong for i in order[::-1][:3]
    ]
    assert result.worst[0].margin == pytest.approx(min(margins), abs=1e-5)
    rows = case_rows([result])
    assert [row["case"] for row in rows] == ["worst"] * 3 + ["best"] * 3
    assert rows[0]["right"] == result.worst[0].right[0]
    assert rows[0]["margin"] == f"{result.worst[0].margin:+.3f}"
    assert f"worst: {result.worst[0].images[0]} (" in format_probe(result)


def test_cases_name_images_as_they_are_told(matcher, store):
    asked = ProbeSet("made", "choice", items_of("choice", count=4))
    names = {image: f"{image}.jpg" for image in IDS.tolist()}
    found = probe(matcher, asked, store, names=names)
    assert {case.images[0] for case in found.worst} <= set(names.values())


def test_the_longest_caption_is_a_rule_of_its_own(matcher, store):
    items = [
        ProbeItem((11,), ("red ring over star",), ("red", "two"), "a", "1"),  # right
        ProbeItem((11,), ("red",), ("red ring", "two"), "a", "2"),  # wrong
        ProbeItem((12,), ("red",), ("blue", "two"), "a", "3"),  # one of three
    ]
    (row,) = probe(matcher, ProbeSet("made", "choice", items), store).rows
    assert row.kind == "a"
    assert row.longer == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert f"{100 * (1 + 0 + 1 / 3) / 3:.1f}" in format_probe(
        probe(matcher, ProbeSet("made", "choice", items), store)
    )


def test_ties_count_against_the_model_and_are_told(matcher, store):
    items = [ProbeItem((11,), ("red RING",), ("Red ring",), "case", "1")]
    result = probe(matcher, ProbeSet("made", "choice", items), store)
    (figure,) = result.rows[0].figures.plain().values()
    assert figure["value"] == 0
    assert result.notes == ("1 of 1 items are ties, counted against the model",)


def test_additions_of_different_length_are_told(matcher, store):
    items = [ProbeItem((11,), ("red", "red ring"), ("red ring two",), "noun", "1")]
    result = probe(matcher, ProbeSet("made", "half-truth", items), store)
    assert "additions of 1 of 1 items have not equally many tokens" in result.notes[0]


def test_a_set_without_a_total_has_its_kinds_alone(matcher, store):
    asked = ProbeSet("order", "choice", items_of("choice"), total=None)
    assert [row.kind for row in probe(matcher, asked, store).rows] == ["rare", "common"]


def test_the_plain_values_are_json_with_notes(results):
    for _, result in results.values():
        plain = json.loads(json.dumps(result.plain()))
        assert plain == result.plain()
        assert plain["notes"][0] == "made up"
        assert "note: made up" in format_probe(result)


def test_many_kinds_are_cut_in_the_table_alone(matcher, store):
    items = [
        ProbeItem((11,), ("red",), ("blue",), f"kind {number}", "1")
        for number in range(40)
    ]
    result = probe(matcher, ProbeSet("made", "choice", items), store)
    assert len(result.rows) == 42
    assert "and 18 rows more, see --out" in format_probe(result)


def test_an_empty_set_is_refused(matcher, store):
    with pytest.raises(ValueError, match="The probe made has no item to ask"):
        probe(matcher, ProbeSet("made", "choice", []), store)
