"""The rules of the layout, read from the source without importing it."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
from support.paths import ROOT

PACKAGE = ROOT / "keras_teran"
OUTSIDE = ("examples", "export", "benchmarks", "tests")

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
MOST_LINES_OF_A_FUNCTION = 50
MOST_LINES = 400
# Temporary files outside `_io`: none of them becomes anything that a user keeps.
TEMPORARY = {
    "keras_teran/export/_converters.py": "the chatter of converters in C++",
    "keras_teran/export/_latency.py": "inputs of the process that is measured",
}
# The files of `cli/` that are no commands.
NO_COMMANDS = {"__init__", "__main__", "data_options", "main"}


def sources(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_of(path):
    """keras_teran/data/_pack.py -> keras_teran.data._pack"""
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imported(path, nodes=None):
    """The dotted names a file imports, relative ones made absolute."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree) if nodes is None else nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = path.relative_to(ROOT).parts[: -node.level]
                base = ".".join((*package, base)).strip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def at_top(tree):
    """The nodes that run when the file is imported: not those inside functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from at_top(node)


def part_of(module):
    """keras_teran.data._pack -> data; None for the package itself and for others."""
    names = module.split(".")
    return names[1] if names[0] == "keras_teran" and len(names) > 1 else None


def files_by_part():
    for path in sources("keras_teran"):
        if path != PACKAGE / "__init__.py":
            yield part_of(module_of(path)), path


def package_imports(path):
    """The package's modules that a file imports, as far as they are files."""
    modules = {module_of(source) for source in sources("keras_teran")}
    found = {name for name in imported(path) if name in modules}
    return found - {"keras_teran", module_of(path)}


def relative(path):
    return path.relative_to(ROOT).as_posix()


def test_every_room_of_the_package_has_a_level():
    unplaced = {part for part, _ in files_by_part()} - set(LEVEL)
    assert not unplaced, f"place {sorted(unplaced)} in the table of levels above"


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


def test_no_module_imports_itself_through_others():
    graph = {}
    for path in sources("keras_teran"):
        inside_packages = path.name != "__init__.py"
        graph[module_of(path)] = package_imports(path) if inside_packages else ()
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("a circle of imports: " + " -> ".join(error.args[1]))


def test_the_package_imports_nothing_that_stands_beside_it():
    wrong = [
        f"{relative(path)} imports {name}"
        for path in sources("keras_teran")
        for name in imported(path)
        if name.split(".")[0] in OUTSIDE
    ]
    assert not wrong


def test_no_test_imports_from_another_test():
    """What several of them share lies in `tests/support/`."""
    wrong = [
        f"{relative(path)} imports {name}"
        for path in sources("tests")
        for name in imported(path)
        if any(piece.startswith("test_") for piece in name.split(".")[:-1])
    ]
    assert not wrong


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


def renames(tree):
    """The calls of a file that rename or move, and the uses of `tempfile`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and "tempfile" in {a.name for a in node.names}:
            yield "tempfile"
        elif isinstance(node, ast.ImportFrom) and node.module in {"tempfile", "os"}:
            moved = {"tempfile"} if node.module == "tempfile" else {"rename", "replace"}
            names = {a.name for a in node.names} | {node.module}
            yield from sorted(moved & names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            # A text's `replace` takes two arguments, a path's takes one.
            of_path = node.func.attr == "replace" and len(node.args) == 1
            if called == "dataclasses.replace":
                continue
            moves = called in {"os.replace", "shutil.move"} or of_path
            if moves or node.func.attr in {"rename", "renames"}:
                yield called


def test_only_io_renames():
    """What appears whole or not at all does so by `_io`; see TEMPORARY."""
    found = {
        relative(path): {*renames(ast.parse(path.read_text("utf-8")))}
        for part, path in files_by_part()
        if part != "_io"
    }
    found = {file: calls for file, calls in found.items() if calls}
    assert found == {file: {"tempfile"} for file in TEMPORARY}


def test_the_rule_sees_every_way_to_rename():
    program = """
import os, shutil, tempfile
from os import replace
from tempfile import mkdtemp
os.replace(a, b)
os.rename(a, b)
os.renames(a, b)
shutil.move(a, b)
path.rename(b)
path.replace(b)
text.replace(a, b)
dataclasses.replace(record, name=a)
"""
    assert [*renames(ast.parse(program))] == [
        *("tempfile", "replace", "tempfile", "os.replace", "os.rename", "os.renames"),
        *("shutil.move", "path.rename", "path.replace"),
    ]


def test_a_command_is_a_file_with_add_and_run():
    """`add(commands)` calls `add_command`, which is given `run(arguments)`."""
    commands = [
        path
        for path in sources("keras_teran/cli")
        if path.stem not in NO_COMMANDS and not path.stem.startswith("_")
    ]
    assert len(commands) == 14
    for path in commands:
        tree = ast.parse(path.read_text("utf-8"))
        public = {
            node.name: node
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        }
        assert {"add", "run"} <= set(public), relative(path)
        taken = {name: public[name].args.args for name in ("add", "run")}
        assert [a.arg for a in taken["add"]] == ["commands"], relative(path)
        assert [a.arg for a in taken["run"]] == ["arguments"], relative(path)
        called = [
            [getattr(argument, "id", None) for argument in node.args]
            for node in ast.walk(public["add"])
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "add_command"
        ]
        assert len(called) == 1, relative(path)
        assert called[0][2] == "run", relative(path)


def test_only_the_command_takes_parsed_arguments():
    """A library takes what it needs by name, not the namespace of a parser."""
    wrong = [
        f"{relative(path)}: {node.value.id}.{node.attr}"
        for part, path in files_by_part()
        if part != "cli"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"arguments", "args"}
        and node.attr not in dir(dict)
    ]
    assert not wrong


def test_every_file_has_one_job_and_a_name_for_it():
    files = sources("keras_teran", *OUTSIDE)
    assert not [relative(path) for path in files if path.stem == "utils"]
    lengths = {relative(p): len(p.read_text("utf-8").splitlines()) for p in files}
    assert not {file: n for file, n in lengths.items() if n > MOST_LINES}


def function_lengths(tree):
    """{"line name": lines} of each function, without the lines of its docstring."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            found[f"{node.lineno} {node.name}"] = lines
    return found


def test_no_function_is_long():
    wrong = [
        f"{relative(path)}:{name} has {lines} lines"
        for path in sources("keras_teran", *OUTSIDE)
        for name, lines in function_lengths(ast.parse(path.read_text("utf-8"))).items()
        if lines > MOST_LINES_OF_A_FUNCTION
    ]
    assert not wrong


def test_the_rule_counts_every_function_and_no_docstring():
    program = '''
def one(a,
        b):
    """Two lines
    of a docstring."""
    return a

class Kept:
    async def two(self):
        def three():
            pass
        return three
'''
    assert function_lengths(ast.parse(program)) == {
        "2 one": 3,
        "9 two": 4,
        "10 three": 2,
    }


def test_the_rules_see_relative_and_nested_imports(tmp_path, monkeypatch):
    """The reader itself: each spelling of an import is seen, and where it stands."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
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
