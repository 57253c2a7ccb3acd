"""The quickstart's report holds what it was given and needs nothing beside it."""

import doctest
import importlib.util
import re
from base64 import b64decode
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from support.paths import ROOT

from keras_teran.evaluation._probe_result import (
    Figures,
    ProbeCase,
    ProbeResult,
    ProbeRow,
)
from keras_teran.evaluation._recall import flatten, recall_table

EXAMPLE = ROOT / "examples" / "quickstart_report.py"
spec = importlib.util.spec_from_file_location(EXAMPLE.stem, EXAMPLE)
quickstart_report = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quickstart_report)
Report = quickstart_report.Report
line_chart, round_ticks = quickstart_report.line_chart, quickstart_report.round_ticks

PNG = b"\x89PNG\r\n\x1a\n no real picture"
TABLE = recall_table([[0.1, 0.9, 0.1], [0.5, 0.1, 0.2]], [0, 1, 0])
BAG = recall_table([[0.9, 0.1], [0.1, 0.9]], [0, 1])
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Text, tags and attributes of a page; whether every element was closed."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.texts, self.wrong = [], [], [], []
        self.rows = []
        self.feed(path.read_text("utf-8"))
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if "style" not in self.open:
            self.texts.append(data)


def write(path, report):
    quickstart_report.write_report(path, report)
    return path


def full_report():
    history = {"loss": [3.0, 2.0, 1.0], "learning_rate": [1e-3, 1e-3, 1e-4]}
    for table in (TABLE, TABLE, BAG):
        for name, value in flatten(table, "val_").items():
            history.setdefault(name, []).append(value)
    return Report(
        title="A tiny TERAN",
        summary=["Trained on scenes.", "Evaluated on others."],
        facts={"preset": "tiny", "weights": 1234},
        history=history,
        tables={"TERAN": TABLE, "bag of words": BAG},
        tables_note="On 2 images.",
        grounding={"accuracy": 0.8125, "chance": 0.09, "nouns": 1600},
        pictures=[("a red dog", PNG)],
        exports=[
            {"path": "onnx/a.onnx", "bytes": 2_540_000, "max_abs_error": 2.1e-7},
            {"path": "litert/b.tflite", "bytes": 1_000_000, "max_abs_error": 3e-8},
        ],
        versions={"keras": "3.15.1"},
        seconds={"train": 200.0, "evaluate": 21.4},
        next_commands=[("make test", "Run the tests")],
    )


@pytest.fixture
def page(tmp_path):
    return Page(write(tmp_path / "report.html", full_report()))


def test_every_element_is_closed_and_none_loads_anything(page):
    assert page.wrong == [] and page.open == []
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "base"}
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith("data:image/png;base64,")


def test_the_page_is_for_narrow_and_dark_screens_too(tmp_path):
    text = write(tmp_path / "report.html", full_report()).read_text("utf-8")
    assert '<meta name="viewport" content="width=device-width' in text
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"url\(|@import|https?:", text)


def test_recalls_are_in_per_cent_and_ranks_from_one_for_every_model(page):
    expected = [
        ["TERAN", "image → text", "0.0", "100.0", "100.0", "2.5", "2.5", "400.0"],
        ["", "text → image", "0.0", "100.0", "100.0", "2.0", "2.0", ""],
        ["bag of words", "image → text", "100.0", "100.0", "100.0"]
        + ["1.0", "1.0", "600.0"],
        ["", "text → image", "100.0", "100.0", "100.0", "1.0", "1.0", ""],
    ]
    assert page.rows[1:5] == expected
    assert "On 2 images." in page.text


def test_exports_stand_with_size_and_error(page):
    assert ["onnx/a.onnx", "2.54 MB", "2.1e-07"] in page.rows
    assert ["litert/b.tflite", "1.00 MB", "3.0e-08"] in page.rows
    assert "2.1e-07 largest error of 2 exports" in page.text


def test_grounding_stands_beside_chance(page):
    assert "81.2 % of 1,600 nouns" in page.text
    assert "at random would in 9.0 %" in page.text


def test_the_place_and_the_probes_stand_with_their_worst_cases(tmp_path):
    quarter = {"value": 0.25, "interval": [0.125, 0.5]}
    names = ("pointing", "heat_map", "r1", "r5", "r10")
    place = {
        **dict.fromkeys(("figures", "minus_center"), dict.fromkeys(names, quarter)),
        "center": quarter,
        "chance": dict.fromkeys(names, 0.0625),
        "best_possible": dict.fromkeys(names, 0.75),
    }
    figures = Figures(["right above wrong"], [0.5], None, [0.5])
    worst = ProbeCase("sides", (3,), ("a over b",), ("b over a",), -0.25)
    probe = ProbeResult(
        name="scenes",
        rule="choice",
        figure_names=("right above wrong",),
        rows=(ProbeRow("sides", 1200, 240, 0.5, figures),),
        worst=(worst,),
        best=(),
        notes=(),
    )
    report = Report(
        title="T",
        grounding={"accuracy": 0.5, "chance": 0.1, "nouns": 2},
        place=place,
        cases=[("worst: a star", PNG)],
        probes=[probe],
    )
    page = Page(write(tmp_path / "report.html", report))
    assert page.wrong == [] and page.open == []
    cell = "25.0 [12.5, 50.0]"
    assert ["pointing, best region", cell, cell, "+25.0 [+12.5, +50.0]"] == (
        page.rows[1][:4]
    )
    assert page.rows[1][4:] == ["6.2", "75.0"]
    right = "right above wrong 50.0, chance 50.0"
    assert ["scenes", "sides", "1,200", right, "50.0"] in page.rows
    assert ["scenes", "worst", "sides", "3", "a over b", "b over a", "-0.250"] in (
        page.rows
    )
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert image["alt"] == "Regions of: worst: a star"


def test_pictures_are_inside_the_page(page):
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 1
    assert b64decode(images[0]["src"].split(",")[1]) == PNG
    assert images[0]["alt"].endswith("a red dog")


def test_times_versions_facts_and_commands_stand_there(page):
    for text in (
        "time to train 3 min 20 s",
        "time to evaluate 21.4 s",
        "3 min 41 s wall time",
        "keras 3.15.1",
        "preset tiny",
        "weights 1234",
        "Run the tests make test",
        "Trained on scenes. Evaluated on others.",
    ):
        assert text in page.text


def test_loss_recalls_and_rsum_are_drawn_by_epoch_and_nothing_else(page):
    labels = [one["aria-label"] for tag, one in page.tags if tag == "svg"]
    assert labels == ["Loss", "Validation recall, per cent", "Validation rsum"]
    assert sum(tag == "polyline" for tag, _ in page.tags) == 1 + 6 + 1
    assert "loss, epoch 2: 2" in page.text
    assert "text → image R@1, epoch 3: 100" in page.text
    assert "rsum, epoch 1: 400" in page.text
    assert "learning_rate" not in page.text


def test_all_text_is_escaped(tmp_path):
    evil = "<script>alert('x')</script> & \"$title\""
    report = Report(
        title=evil,
        summary=[evil],
        facts={evil: evil},
        history={"loss": [1.0]},
        tables={evil: TABLE},
        tables_note=evil,
        pictures=[(evil, PNG)],
        exports=[{"path": evil, "bytes": 1, "max_abs_error": 0.0}],
        versions={evil: evil},
        seconds={evil: 1.0},
        next_commands=[(evil, evil)],
    )
    page = Page(write(tmp_path / "report.html", report))
    assert page.wrong == [] and page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert "".join(page.texts).count(evil) >= 11


def test_what_is_not_given_is_left_out(tmp_path):
    page = Page(write(tmp_path / "report.html", Report(title="Empty")))
    assert page.wrong == [] and page.open == []
    assert page.text == "Empty Empty"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder .*gone of the report"):
        write(tmp_path / "gone" / "report.html", Report(title="x"))


def test_nothing_is_left_aside(tmp_path):
    write(tmp_path / "report.html", Report(title="old"))
    write(tmp_path / "report.html", Report(title="new"))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert "new" in (tmp_path / "report.html").read_text("utf-8")


def points(chart):
    """(x, y) of the only line's runs, in shares of the axes."""
    ((_, runs),) = chart["lines"]
    return [[(x, y) for x, y, _, _ in run] for run in runs]


def test_a_chart_is_straight_for_straight_values_and_rises_with_them():
    (line,) = points(line_chart({"a": [0.0, 5.0, 10.0]}, "A"))
    assert line == [(0, 0), (0.5, 0.5), (1, 1)]


def test_up_is_up_and_right_is_later_in_the_drawing(tmp_path):
    """SVG's y grows downwards: the higher of two values has the smaller one."""
    report = Report(title="A", history={"loss": [0.0, 1.0, 2.0]})
    text = write(tmp_path / "report.html", report).read_text("utf-8")
    (line,) = re.findall(r'<polyline points="([^"]*)"', text)
    # Axes from (46, 210), the bottom left, to (388, 12).
    assert line.split() == ["46.0,210.0", "217.0,111.0", "388.0,12.0"]
    assert re.findall(r'y1="([^"]*)"', text)[::4] == ["210.0", "12.0"]


def test_a_value_that_is_not_finite_leaves_a_gap():
    nan = float("nan")
    lines = points(line_chart({"a": [1.0, 2.0, nan, None, 3.0, 4.0]}, "A"))
    assert [len(line) for line in lines] == [2, 2]
    with pytest.raises(ValueError, match="'A' has no finite value"):
        line_chart({"a": [nan]}, "A")


def test_one_epoch_is_a_dot_inside_the_chart():
    (((x, y),),) = points(line_chart({"a": [2.0]}, "A"))
    assert x == 0.5 and 0 <= y <= 1


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (1, 1), (-3, 7), (0, 1e-6), (0.2, 600), (99, 101)]
)
def test_ticks_are_even_and_span_the_values(low, high):
    ticks = round_ticks(low, high)
    assert ticks[0] <= low and high <= ticks[-1] and 2 <= len(ticks) <= 8
    steps = [b - a for a, b in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps)) and steps[0] > 0


def test_the_examples_in_its_docstrings_are_true():
    found = doctest.testmod(quickstart_report)
    assert found.attempted == 3 and found.failed == 0
