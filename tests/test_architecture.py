"""The rules of the layout, read from the source without importing it."""

import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
from support import source_files
from support.paths import ROOT
from support.source_files import (
    OUTSIDE,
    PACKAGE,
    at_top,
    files_by_part,
    imported,
    module_of,
    package_imports,
    part_of,
    relative,
    sources,
)

# The rooms of the package by level: each may import those of the levels below its own.
LEVELS = (
    {"_lazy"},
    {"_io"},
    {"run", "similarity", "losses", "backend", "vision", "text", "runtimes", "report"},
    {"layers", "data"},
    {"models", "extract"},
    {"pipeline", "conversion"},
    {"evaluation", "search"},
    {"training", "export", "web"},
    {"tf_serving"},
    {"cli"},
)
# What a level below another's holds and may still not be imported there.
APART = {"models": {"data"}, "layers": {"vision", "text", "runtimes"}}
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

HEAVY = {
    "PIL",
    "ai_edge_litert",
    "ai_edge_quantizer",
    "h5py",
    "jax",
    "jinja2",
    "lmdb",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "qdrant_client",
    "qdrant_edge",
    "tensorflow",
    "tf2onnx",
    "torch",
}
# What the command imports before it knows what is asked of it.
WITHOUT_KERAS = (
    "__init__",
    "cli/_ending",
    "cli/_streams",
    "cli/main",
    "data/_caption_set",
    "models/_presets",
    "text/_tokenizer",
)


def test_every_room_of_the_package_has_a_level():
    unplaced = {part for part, _ in files_by_part()} - set(LEVEL)
    assert not unplaced, f"place {sorted(unplaced)} in the table of levels above"


@pytest.mark.slow
def test_imports_point_down():
    wrong = [
        f"{relative(path)} imports {name}"
        for part, path in files_by_part()
        for name in package_imports(path)
        if part_of(name) != part
        and (
            LEVEL[part_of(name)] >= LEVEL[part] or part_of(name) in APART.get(part, ())
        )
    ]
    assert not wrong


@pytest.mark.seconds
def test_a_room_is_entered_by_its_door():
    """Private files and names are imported inside their own room alone."""
    wrong = [
        f"{relative(path)} imports {name}"
        for part, path in files_by_part()
        for name in imported(path)
        if part_of(name) not in (None, part)
        and any(piece.startswith("_") for piece in name.split(".")[2:])
    ]
    assert not wrong


def described():
    """ARCHITECTURE.md: {room or folder: (level, the names in its point)}."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    text = text[: text.index("\n## Rules that a test holds")]
    rooms = {}
    for level, section in enumerate(text.split("\n### Level ")[1:]):
        assert section.startswith(f"{level}\n")
        for point in section.split("\n- **`")[1:]:
            name, rest = point.split("`**", 1)
            rooms[name.strip("/")] = level, {*re.findall("`([^`]+)`", rest)}
    return rooms


def test_the_document_says_the_levels_and_names_every_file():
    rooms = described()
    levels = {name.removesuffix(".py"): level for name, (level, _) in rooms.items()}
    assert {n: at for n, at in levels.items() if "/" not in n} == LEVEL
    missing = [
        relative(path)
        for path in sources("keras_teran")
        if path.parent != PACKAGE
        and path.stem != "__init__"
        and path.stem not in rooms[path.parent.relative_to(PACKAGE).as_posix()][1]
    ]
    assert not missing
    gone = [
        f"{folder}/{name}"
        for folder, (_, names) in rooms.items()
        for name in names
        if re.fullmatch(r"_[a-z]\w*", name)
        and not (PACKAGE / folder / f"{name}.py").exists()
    ]
    assert not gone


def test_no_two_modules_outside_the_command_have_one_name():
    names = [
        path.stem
        for part, path in files_by_part()
        if part != "cli" and path.stem != "__init__"
    ]
    assert len(names) == len({*names}), sorted(n for n in names if names.count(n) > 1)


@pytest.mark.slow
def test_no_module_imports_itself_through_others():
    graph = {}
    for path in sources("keras_teran"):
        inside_packages = path.name != "__init__.py"
        graph[module_of(path)] = package_imports(path) if inside_packages else ()
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("a circle of imports: " + " -> ".join(error.args[1]))


@pytest.mark.slow
def test_the_package_imports_nothing_that_stands_beside_it():
    wrong = [
        f"{relative(path)} imports {name}"
        for path in sources("keras_teran")
        for name in imported(path)
        if name.split(".")[0] in OUTSIDE
    ]
    assert not wrong


@pytest.mark.seconds
def test_no_test_imports_from_another_test():
    """What several of them share lies in `tests/support/`."""
    wrong = [
        f"{relative(path)} imports {name}"
        for path in sources("tests")
        for name in imported(path)
        if any(piece.startswith("test_") for piece in name.split(".")[:-1])
    ]
    assert not wrong


@pytest.mark.seconds
def test_heavy_packages_are_imported_inside_the_function_that_needs_them():
    wrong = [
        f"{relative(path)} imports {name} at its top"
        for path in sources("keras_teran")
        for name in imported(path, at_top)
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong


def test_what_the_command_needs_first_does_not_import_keras():
    wrong = [
        f"{file}.py imports {name} at its top"
        for file in WITHOUT_KERAS
        for name in imported(PACKAGE / f"{file}.py", at_top)
        if name.split(".")[0] in {"keras", "keras_hub"}
    ]
    assert not wrong


@pytest.mark.process
@pytest.mark.parametrize(
    "program",
    ["import keras_teran", "from keras_teran.cli.main import main; main(['--help'])"],
    ids=["import", "help"],
)
def test_the_package_and_its_help_load_neither_keras_nor_a_backend(program):
    listing = f"""
import sys
try:
    {program}
except SystemExit as stop:
    assert not stop.code, stop.code
heavy = {{"keras", "keras_hub", "tensorflow", "jax", "torch"}} & set(sys.modules)
print("loaded:", sorted(heavy))
"""
    result = subprocess.run(
        [sys.executable, "-c", listing],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "loaded: []"


def test_the_rules_see_relative_and_nested_imports(tmp_path, monkeypatch):
    """The reader itself: each spelling of an import is seen, and where it stands."""
    monkeypatch.setattr(source_files, "ROOT", tmp_path)
    path = tmp_path / "keras_teran" / "data" / "pack.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import numpy\n"
        "from . import regions\n"
        "from ..model import build_model\n"
        "from keras_teran import cli\n"
        "if True:\n    import PIL.Image\n"
        "def later():\n    import tensorflow\n"
    )
    everywhere = set(imported(path))
    assert {
        "numpy",
        "keras_teran.data.regions",
        "keras_teran.model",
        "keras_teran.cli",
        "PIL.Image",
        "tensorflow",
    } <= everywhere
    assert "PIL.Image" in set(imported(path, at_top))
    assert "tensorflow" not in set(imported(path, at_top))
