"""Runs the README as written: `check_readme.py`, after `make quickstart`.

Its bash blocks run as one script, its Python blocks one by one. Left out are lines
that start with `make`, which CI runs by itself, and blocks below a line
`<!-- needs data -->`. Ends with status 1 at the first command that fails.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r"^(?P<mark><!-- needs data -->\n)?```(?P<language>bash|python)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def blocks(text, language):
    """The code blocks of a language that need no data."""
    return [
        found["code"]
        for found in BLOCK.finditer(text)
        if found["language"] == language and not found["mark"]
    ]


def main():
    """Runs everything, echoing what is run."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = "".join(blocks(text, "bash")).splitlines()
    script = "\n".join(line for line in lines if not line.startswith("make"))
    runs = [["bash", "-euxo", "pipefail", "-c", script]]
    python = str(ROOT / ".venv/bin/python")
    runs += [[python, "-c", code] for code in blocks(text, "python")]
    for run in runs:
        status = subprocess.run(
            run, cwd=ROOT, stdin=subprocess.DEVNULL, check=False
        ).returncode
        if status:
            print(f"A command of the README failed:\n{run[-1]}", file=sys.stderr)
            return 1
    print(f"{len(lines)} lines of shell and {len(runs) - 1} of Python blocks ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
