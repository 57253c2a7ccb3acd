"""The project's source files, and what they import."""

import ast

from support.paths import ROOT

PACKAGE = ROOT / "keras_teran"
OUTSIDE = ("examples", "export", "benchmarks", "tests")


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
