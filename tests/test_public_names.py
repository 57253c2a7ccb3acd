"""The public names: `keras_teran.__all__`, and who imports anything else."""

import ast
import inspect
import re

import pytest
from support.paths import ROOT

import keras_teran

PACKAGE = ROOT / "keras_teran"
SCRIPTS = sorted([*(ROOT / "examples").glob("*.py"), *(ROOT / "export").glob("*.py")])
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Values, whose type's docstring would say nothing of them.
TABLES = {"PRESETS", "RECIPES"}
# What these scripts import although it is not public: the command's own options,
# the template of reports, and what belongs to the drawn captions.
PRIVATE = {
    "examples/data_options.py": {"keras_teran.cli.data_options"},
    "examples/quickstart.py": {
        "keras_teran.data.scenes.bag_of_words",
        "keras_teran.run.versions",
        "keras_teran._io.write_text",
    },
    "examples/quickstart_report.py": {
        "keras_teran.report.render",
        "keras_teran._io.write_text",
    },
    "export/export.py": {"keras_teran.cli.export.add_export_options"},
}

PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# In prose, in YAML and in one-line programs of a shell.
DOTTED = re.compile(r"\bkeras_teran((?:\.[A-Za-z_]\w*)+)")
FROM = re.compile(r"\bfrom (keras_teran[\w.]*) import ([\w, ]+)")


def relative(path):
    return path.relative_to(ROOT).as_posix()


def names_used(source):
    """Dotted names below `keras_teran` that Python source imports or reads."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            found = [ast.unparse(node)]
        else:
            continue
        yield from (name for name in found if DOTTED.fullmatch(name))


def names_written(text):
    """Dotted names below `keras_teran` that a document or its code holds."""
    yield from (f"keras_teran{found}" for found in DOTTED.findall(text))
    for module, names in FROM.findall(text):
        yield from (f"{module}.{name.strip()}" for name in names.split(","))


def private(names):
    """Of dotted names, those that do not begin with a public name."""
    public = {*keras_teran.__all__, "__all__", "__version__"}
    return {name for name in names if name.split(".")[1] not in public}


@pytest.mark.parametrize("name", keras_teran.__all__)
def test_a_public_name_resolves_and_says_what_it_is(name):
    value = getattr(keras_teran, name)
    if name in TABLES:
        assert isinstance(value, dict) and value
    else:
        assert inspect.isclass(value) or inspect.isfunction(value)
        assert inspect.getdoc(value)


def test_no_public_name_is_hidden_by_a_submodule_once_that_is_imported():
    modules = {path.stem for path in PACKAGE.iterdir()}
    assert not modules & set(keras_teran.__all__)


def test_public_names_are_listed_once_and_by_dir():
    assert len(keras_teran.__all__) == len(set(keras_teran.__all__))
    assert set(keras_teran.__all__) <= set(dir(keras_teran))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'build_modle'"):
        _ = keras_teran.build_modle


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_an_example_uses_public_names_alone(path):
    used = private(names_used(path.read_text(encoding="utf-8")))
    assert used == PRIVATE.get(relative(path), set())


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_a_document_names_public_names_alone(path):
    text = path.read_text(encoding="utf-8")
    used = {name for block in PYTHON.findall(text) for name in names_used(block)}
    assert not private(used | set(names_written(text)))


def test_the_readers_see_each_way_to_a_name():
    source = (
        "import keras_teran.run\n"
        "from keras_teran.data import packed\n"
        "from keras_teran import load\n"
        "def later():\n    keras_teran.search.build(1)\n"
    )
    assert private(names_used(source)) == {
        "keras_teran.run",
        "keras_teran.data.packed",
        "keras_teran.search",
        "keras_teran.search.build",
    }
    text = "`keras_teran.load(x).score`, python -c 'from keras_teran.run import a, b'"
    assert private(names_written(text)) == {
        "keras_teran.run",
        "keras_teran.run.a",
        "keras_teran.run.b",
    }
