"""Rows of hostile input: what builds it, and the one line that has to come.

Adding a case is adding a `Row` to the table of its area, `tests/hostile/test_hostile_AREA.py`.
"""

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from keras_teran.cli.main import main
from support.paths import ROOT


@dataclasses.dataclass(frozen=True)
class Row:
    """A hostile input.

    Attributes:
        input: str, what it is, as `hostile.csv` names it where it stands there.
        build: function of a folder that writes the input there and returns the arguments
            of `keras-teran`, or a function without arguments for a public function. It
            writes outputs below `folder / "out"` alone.
        says: regular expression of the one line.
        apart: bool, in a process of its own, with bounded memory and time: input that
            must not take either.
        finishes: bool, instead: it must do without an error, printing what `says` says.
    """

    input: str
    build: Callable
    says: str
    apart: bool = False
    finishes: bool = False


def parametrize(rows):
    """`pytest.mark.parametrize` over rows, each by its name."""
    names = [row.input for row in rows]
    assert len(names) == len({*names}), "two rows have one name"
    return pytest.mark.parametrize("row", rows, ids=names)


def check_row(row, folder, capsys):
    """Builds a row's input below a folder and checks what comes of it."""
    asked = row.build(folder)
    before = listing(folder)
    if callable(asked):
        check_function(row, asked)
    else:
        check_command(row, list(map(str, asked)), capsys)
    if not row.finishes:
        assert listing(folder) == before, "something was written"


def check_function(row, function):
    if row.finishes:
        assert re.search(row.says, repr(function()))
        return
    with pytest.raises((ValueError, OSError), match=row.says) as caught:
        function()
    assert "\n" not in str(caught.value)


def check_command(row, arguments, capsys):
    if row.apart:
        status, out, err = run_apart(arguments)
    else:
        capsys.readouterr()
        status = status_of(arguments)
        out, err = capsys.readouterr()
    assert status == (0 if row.finishes else 2), err
    if row.finishes:
        assert re.search(row.says, out + err), out + err
        return
    lines = without_bars(err)
    assert len(lines) == 1 and lines[0].startswith("keras-teran: "), err
    assert re.search(row.says, lines[0]), lines[0]


def status_of(arguments):
    try:
        return main(arguments)
    except SystemExit as stop:  # argparse ends the process
        return stop.code


def without_bars(text):
    """The lines of standard error that are no progress bars and no logs of a backend."""
    return [
        line
        for line in text.replace("\r", "\n").split("\n")
        if line.strip() and not re.search(r"\d+%\|.*\|| \d+/\d+ \[|\?it/s|it \[", line)
    ]


# 4 GiB of address space above what a process has mapped after its imports: NumPy and
# TensorFlow map some of it without using it.
_APART = """
import resource, sys
from keras_teran.cli.main import main
import numpy
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
if {limited}:
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
sys.exit(main(sys.argv[1:]))
"""


def run_apart(arguments, limited=True, seconds=120):
    """Runs the command in a process of its own with 1 GiB above its start.

    Args:
        arguments: list of str.
        limited: bool, bound its memory; not for commands that load TensorFlow, which
            maps more than that.
        seconds: a bound that only what hangs reaches.

    Returns:
        `(status, standard output, standard error)`.
    """
    result = subprocess.run(
        [sys.executable, "-c", _APART.format(limited=limited), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    )
    return result.returncode, result.stdout, result.stderr


def listing(folder):
    """Every file below a folder with its size and time of change."""
    return {
        path.relative_to(folder).as_posix(): (
            path.lstat().st_size,
            path.lstat().st_mtime_ns,
        )
        for path in folder.rglob("*")
        if not path.is_dir()
    }
