"""The JavaScript program, and how it is run."""

import subprocess
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "examples/javascript"


def run(command, folder, given=None):
    return subprocess.run(
        command,
        cwd=folder,
        input=given,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def refusal(found):
    """The one line that a refused search says."""
    assert (found.returncode, found.stdout) == (1, "")
    assert len(found.stderr.splitlines()) == 1, found.stderr
    return found.stderr
