"""Every row of hostile.csv is a `Row` of some table, `hostile/test_hostile_AREA.py`."""

import csv
import importlib

import pytest
from support.hostile_rows import Row
from support.paths import TESTS

# Tests of their own, where the input is no argument of a command or function alone.
TESTED_APART = {
    "partial: progress.json {}": ("extract/test_storing.py", "plan is missing"),
    "answers []": ("hostile/test_hostile_serving.py", "answers []"),
    **{
        f"onnx 60 bits flipped (seed {seed})": (
            "hostile/test_hostile_export.py",
            "onnx 60 bits flipped (seed 0)`, 1, 2",
        )
        for seed in range(3)
    },
}


def rows_in(value):
    """Every `Row` in lists and tuples inside each other."""
    if isinstance(value, Row):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from rows_in(item)


def all_inputs():
    """The inputs of all tables."""
    inputs = set()
    for path in sorted((TESTS / "hostile").glob("test_hostile_*.py")):
        module = importlib.import_module(f"hostile.{path.stem}")
        inputs |= {
            row.input for value in vars(module).values() for row in rows_in(value)
        }
    return inputs


def test_every_listed_input_is_a_row(shared):
    path = shared / "faults" / "hostile.csv"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    with open(path, encoding="utf-8", newline="") as file:
        listed = [(row["area"], row["input"]) for row in csv.DictReader(file)]
    have = {*all_inputs(), *TESTED_APART}
    missing = [
        f"{area}: {text}"
        for area, text in listed
        # A name that several areas list may have the area before it.
        if not {text, f"{area}: {text}", f"{area} {text}"} & have
    ]
    shown = "\n".join(missing)
    assert not missing, f"{len(missing)} of {len(listed)} have no row:\n{shown}"


@pytest.mark.parametrize(("file", "says"), sorted({*TESTED_APART.values()}))
def test_what_is_said_of_an_input_tested_apart_stands_there(file, says):
    assert says in (TESTS / file).read_text(encoding="utf-8")


@pytest.mark.seconds
def test_rows_are_found_in_tables_inside_each_other():
    row = Row("a", list, "x")
    assert [*rows_in([1, (row, [row])])] == [row, row]
    assert len(all_inputs()) > 500
