"""Every row of hostile.csv is a `Row` of some table, `hostile/test_hostile_AREA.py`."""

import ast
import csv

import pytest
from support.paths import TESTS


def inputs_of(path):
    """The inputs of every `Row(...)` of a file that stand there as literal texts."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and called(node) == "Row":
            keyword = [k.value for k in node.keywords if k.arg == "input"]
            given = (node.args[:1] or keyword)[0]
            if isinstance(given, ast.Constant):
                yield given.value


def called(node):
    return getattr(node.func, "id", getattr(node.func, "attr", None))


def tables():
    return sorted((TESTS / "hostile").glob("test_hostile_*.py"))


def all_inputs():
    return {text for path in tables() for text in inputs_of(path)}


def test_every_listed_input_is_a_row(shared):
    path = shared / "faults" / "hostile.csv"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    with open(path, encoding="utf-8", newline="") as file:
        listed = [(row["area"], row["input"]) for row in csv.DictReader(file)]
    have = all_inputs()
    missing = [
        f"{area}: {text}"
        for area, text in listed
        # A name that several areas list may have the area before it.
        if not {text, f"{area}: {text}", f"{area} {text}"} & have
    ]
    shown = "\n".join(missing)
    assert not missing, f"{len(missing)} of {len(listed)} have no row:\n{shown}"


def test_inputs_are_read_from_the_source(tmp_path):
    path = tmp_path / "test_hostile_x.py"
    path.write_text(
        'ROWS = [Row("a", f, "x"), rows.Row(build=f, input="b" "c"), Row(d)]'
    )
    assert [*inputs_of(path)] == ["a", "bc"]
