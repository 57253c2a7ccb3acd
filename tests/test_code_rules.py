"""Rules that the code keeps: renames, commands, and how long files and functions are."""

import ast

import pytest
from support.source_files import OUTSIDE, files_by_part, relative, sources

MOST_LINES_OF_A_FUNCTION = 50
MOST_LINES = 400
# Temporary files outside `_io`: none of them becomes anything that a user keeps.
TEMPORARY = {
    "keras_teran/export/_converters.py": "the chatter of converters in C++",
    "keras_teran/export/_latency.py": "inputs of the process that is measured",
}
# The files of `cli/` that are no commands.
NO_COMMANDS = {"__init__", "__main__", "data_options", "main"}


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


@pytest.mark.seconds
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


@pytest.mark.seconds
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


@pytest.mark.slow
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
