"""The program on LiteRT, and how it is run."""

import os
import re
import subprocess
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
UNREACHABLE = re.compile(
    "connection broken|NewConnectionError|ProxyError|timed out|name resolution|SSLError",
    re.IGNORECASE,
)


def run(command, folder=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(found):
    """The one line that a refused search says."""
    assert found.returncode == 1
    assert found.stdout == ""
    lines = [line for line in found.stderr.splitlines() if not line.startswith("INFO")]
    assert len(lines) == 1, found.stderr
    return lines[0]
