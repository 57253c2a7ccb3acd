"""The rules of the layout, read from the source without importing it."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "keras_teran"
OUTSIDE = ("examples", "export", "benchmarks", "tests")

# The parts of the package, by what each may import of it besides its own files.
BOTTOM = (
    "_io",
    "alignment",
    "converters",
    "curves",
    "dropout",
    "ending",
    "input_arrays",
    "losses",
    "manifest_schema",
    "optimizer",
    "packing",
    "painting",
    "presets",
    "real_rows",
    "replicas",
    "run",
    "runtimes",
    "streams",
    "texts",
    "vocabulary",
)
MIDDLE = {
    "tokenizer": {"texts", "tokenizer_files", "vocabulary"},
    "tokenizer_files": {"vocabulary"},
    "layers": {"dropout", "real_rows"},
    "backbone": {"layers", "tokenizer"},
    "context": {"dropout", "layers"},
    "caption_input": {"input_arrays"},
    "encoders": {"layers", "backbone", "context", "pooling_head"},
    "pooling_head": {"layers"},
    "recipe": {"losses", "optimizer", "schemas"},
    "schemas": {"alignment"},
    "pixels": {"regions"},
    "encoding": {"caption_input", "encoders", "input_arrays", "one_image", "pixels"},
    "model": {
        "encoders",
        "encoding",
        "pixels",
        "backbone",
        "context",
        "alignment",
        "caching",
        "losses",
        "presets",
        "real_rows",
        "replicas",
        "schemas",
        "sparse_gradient",
    },
    "caching": {"context", "real_rows"},
    "data": {"texts", "tokenizer", "regions", "vocabulary"},
    "one_image": {"data", "input_arrays", "regions"},
    "manifest": {"manifest_schema"},
    "exported": {"manifest", "runtimes"},
    "regions": {"tokenizer", "data", "runtimes"},
    "scoring": {"alignment", "packing"},
    "sparse_gradient": {"alignment"},
}
ABOVE_MODEL = (
    "config",
    "conversion",
    "distillation",
    "evaluation",
    "explain",
    "export",
    "export_check",
    "matcher",
    "model_file",
    "report",
    "export_command",
    "file_cost",
    "scorer",
    "search",
    "serving",
    "training",
    "variants",
    "verify",
    "verify_table",
)
TOP = ("cli", "web")

# `__init__` resolves the public names lazily and stands outside the layers.
ALLOWED = {part: set() for part in BOTTOM} | MIDDLE
ALLOWED["ending"] = {"streams"}
ALLOWED |= {part: {*BOTTOM, *MIDDLE, *ABOVE_MODEL} for part in ABOVE_MODEL}
ALLOWED |= {part: set(ALLOWED) | set(TOP) for part in TOP}
# Every part reads files by it.
ALLOWED = {part: allowed | {"_io"} for part, allowed in ALLOWED.items()}

HEAVY = {
    "PIL",
    "ai_edge_litert",
    "ai_edge_quantizer",
    "h5py",
    "jax",
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
    "cli",
    "data/captions",
    "presets",
    "texts",
    "tokenizer",
    "vocabulary",
)
MOST_LINES = 400


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


def test_every_part_of_the_package_has_a_place_among_the_layers():
    unplaced = {part for part, _ in files_by_part()} - set(ALLOWED)
    assert not unplaced, f"place {sorted(unplaced)} in the table of layers above"


def test_imports_point_down():
    wrong = [
        f"{relative(path)} imports {name}"
        for part, path in files_by_part()
        for name in package_imports(path)
        if part_of(name) not in ALLOWED[part] | {part}
    ]
    assert not wrong


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


def test_every_file_has_one_job_and_a_name_for_it():
    files = sources("keras_teran", *OUTSIDE)
    assert not [relative(path) for path in files if path.stem == "utils"]
    lengths = {relative(p): len(p.read_text("utf-8").splitlines()) for p in files}
    assert not {file: n for file, n in lengths.items() if n > MOST_LINES}


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
        "keras_teran.data._region_store",
        "keras_teran.models._teran",
        "keras_teran.cli.main",
        "PIL.Image",
        "tensorflow",
    } <= everywhere
    assert "PIL.Image" in set(imported(path, at_top))
    assert "tensorflow" not in set(imported(path, at_top))
