"""README.md and docs/ make the promises of `support/promises.py`, and tests hold them."""

import ast
import functools
import re

import pytest
from support.paths import ROOT
from support.promises import PROMISES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Words of a promise about bad input: a paragraph or row that has one is in the table.
WORDS = re.compile(
    r"refuse|never|ValueError|unpickle|executed|one line|fails? at its end|are an error"
    r"|leaves nothing|goes on (when|with the same)|command goes on|\| (4\d\d|50\d)(,|;| \|)"
    r"|(with|exit) status"
)


def plain(text):
    return " ".join(text.split())


@functools.cache
def pages():
    """The text of README and of all of docs/, one after the other."""
    return "\n\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@functools.cache
def all_tests():
    """FILE::NAME of every test below tests/."""
    return {
        f"{path.name}::{node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.seconds
@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_made_and_held(promise):
    assert plain(promise) in plain(pages())
    assert PROMISES[promise]
    missing = {*PROMISES[promise]} - all_tests()
    assert not missing


def test_no_two_files_of_tests_have_one_name():
    """Else FILE::NAME would not say which test holds a promise."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len({*names})


def passages():
    """Paragraphs, points and rows of tables of all pages, without their code."""
    text = re.sub(r"```.*?```", "", pages(), flags=re.DOTALL)
    parts = re.split(r"\n\n+|\n(?=\||- |\d\. )", text)
    return [plain(part) for part in parts if plain(part)]


# They hold one of the words and promise nothing of bad input.
OTHERS = (
    "The third correction is that pairs of the same image are never negatives",
    "Batching on the server is off, unless",
)


def test_every_passage_with_such_a_word_is_in_the_table():
    missing = [
        passage
        for passage in passages()
        if WORDS.search(passage)
        and not passage.startswith(OTHERS)
        and not any(plain(promise) in passage for promise in PROMISES)
    ]
    assert not missing
