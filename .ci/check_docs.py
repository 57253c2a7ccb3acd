"""Runs the documents' commands as written: `check_docs.py`, after `make quickstart`.

README.md comes first, then docs/*.md in sorted order. The bash blocks of a file run as
one script, in the environment of this interpreter. Its Python blocks run after them, one
by one. Left out are lines that start with `make`, which CI runs by itself, and blocks
below a line `<!-- needs data -->`. Ends with status 1 at the first command that fails and
names its file and line. `check_docs.py FILE ...` runs the named files alone,
`check_docs.py --list` says what would run.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r"^(?P<mark><!-- needs data -->\n)?```(?P<language>bash|python)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# Stands in the first line of a script, where a document has its title. $0 is the name of
# the document. LINENO is the line in it, since the script has the document's lines.
TRAP = (
    "PS4='+ $0:$LINENO: '; "
    "trap 'echo \"$0: line $LINENO: failed: $BASH_COMMAND\" >&2' ERR"
)
# The tracebacks of a block name the document and show its lines.
RUN_BLOCK = (
    "import sys; "
    "exec(compile(sys.argv[2], sys.argv[1], 'exec'), {'__name__': '__main__'})"
)


class Block(NamedTuple):
    """A block of code that runs: its language, its first line (from 1) and its text."""

    language: str
    line: int
    code: str


def documents(root=ROOT):
    """README.md and docs/*.md, in the order in which they run."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def blocks(text):
    """The blocks of a document that need no data."""
    return [
        Block(
            found["language"],
            text.count("\n", 0, found.start("code")) + 1,
            found["code"],
        )
        for found in BLOCK.finditer(text)
        if not found["mark"]
    ]


def shell_lines(text):
    """The lines of a document's bash blocks by their number, without those of `make`."""
    return {
        number: line
        for block in blocks(text)
        if block.language == "bash"
        for number, line in enumerate(block.code.splitlines(), block.line)
        if line.strip() and not line.startswith("make")
    }


def shell_script(text):
    """One script of a document's bash blocks, each command in the document's line."""
    lines = shell_lines(text)
    script = [lines.get(number, "") for number in range(1, max(lines, default=0) + 1)]
    return "\n".join([TRAP, *script[1:]]) + "\n"


def python_source(block):
    """A Python block as source whose lines have the document's numbers."""
    return "\n" * (block.line - 1) + block.code


def commands(name, text):
    """What to run of a document: (line of the document, list of arguments) each."""
    lines = shell_lines(text)
    if lines:
        script = shell_script(text)
        yield min(lines), ["bash", "-eExuo", "pipefail", "-c", script, name]
    for block in blocks(text):
        if block.language == "python":
            source = python_source(block)
            yield block.line, [sys.executable, "-c", RUN_BLOCK, name, source]


def run_all(files, root=ROOT):
    """Runs the files' commands; True if none failed."""
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}"}
    for file in files:
        name = file.relative_to(root).as_posix()
        for line, command in commands(name, file.read_text(encoding="utf-8")):
            print(f"=== {name}, from line {line}", flush=True)
            status = subprocess.run(
                command,
                cwd=root,
                stdin=subprocess.DEVNULL,
                env=environment,
                check=False,
            ).returncode
            if status:
                print(
                    f"{name}: a command failed in what starts at line {line}; its own "
                    "line stands above.",
                    file=sys.stderr,
                )
                return False
    return True


def main(arguments, root=ROOT):
    """Runs what is asked for and returns the exit status."""
    files = documents(root)
    if named := [Path(a).resolve() for a in arguments if a != "--list"]:
        files = [file for file in files if file in named]
    texts = {
        file.relative_to(root).as_posix(): file.read_text(encoding="utf-8")
        for file in files
    }
    shell = {name: shell_lines(text) for name, text in texts.items()}
    python = {
        name: [block for block in blocks(text) if block.language == "python"]
        for name, text in texts.items()
    }
    if "--list" in arguments:
        for name in texts:
            for number, line in shell[name].items():
                print(f"{name}:{number}: {line}")
            for block in python[name]:
                print(f"{name}:{block.line}: a Python block")
    elif not run_all(files, root):
        return 1
    print(
        f"{sum(map(len, shell.values()))} lines of shell and "
        f"{sum(map(len, python.values()))} of Python blocks "
        f"{'would run' if '--list' in arguments else 'ran'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
