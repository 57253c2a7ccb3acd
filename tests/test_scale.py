"""The sums of docs/scale.md come out as they say."""

import ast
import re

import pytest
from support.paths import ROOT

DOCUMENT = ROOT / "docs" / "scale.md"
SUM = re.compile(r"`([\d.,e ×/+()-]+) = ([\d.,e]+)`")


def sums():
    return SUM.findall(DOCUMENT.read_text(encoding="utf-8"))


def number(text):
    return float(text.replace(",", ""))


def value(expression):
    """The value of +, -, ×, / and brackets, nothing else."""
    text = expression.replace("×", "*").replace(",", "")
    tree = ast.parse(text, mode="eval")
    allowed = (ast.Expression, ast.BinOp, ast.Constant, ast.operator)
    assert all(isinstance(node, allowed) for node in ast.walk(tree)), expression
    return eval(compile(tree, "sum", "eval"))


def half_a_digit(text):
    """Half a unit of the last digit that is written: of 18.4, 0.05."""
    if "e" in text:
        return 0.0
    decimals = text.partition(".")[2]
    return 0.5 * 10.0 ** -len(decimals) * 1.001


@pytest.mark.parametrize(("expression", "result"), sums())
def test_a_sum_is_right_to_its_last_digit(expression, result):
    wanted = number(result)
    assert value(expression) == pytest.approx(wanted, abs=half_a_digit(result))


def test_the_reader_finds_sums_and_sees_a_wrong_one():
    assert len(sums()) > 50
    assert value("1e9 × 18,432 / 1e12") == 18.432
    assert abs(value("36 × 256") - number("9,217")) > half_a_digit("9,217")
    assert half_a_digit("18.4") == pytest.approx(0.05, rel=0.01)


def test_figures_of_this_project_stand_where_the_document_says():
    root = DOCUMENT.parents[1]
    costs = (root / "docs" / "export.md").read_text(encoding="utf-8")
    for file, milliseconds in [("image", "1.58 / 32.12"), ("caption", "3.15 / 61.32")]:
        row = rf"`onnx/{file}_encoder.onnx` .*\| {milliseconds} \|\n"
        assert re.search(row, costs)
    measured = (root / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for row, recalls in [
        ("36 merged to 18 ", "98.4 | 98.1 | 98.8 | 92.7 | 99.0 | 99.4 | 99.8"),
        ("36 merged to 9 ", "98.4 | 98.3 | 98.7 | 87.2 | 99.0 | 98.5 | 99.4"),
        ("PCA to 128 ", "97.4 | 99.4 | 99.8 | 93.5 | 98.7 | 99.4 | 100.0"),
    ]:
        assert re.search(rf"\| {row}\| [\d.]+ \| {re.escape(recalls)} \|", measured)
