"""The command in a process of its own, for what only a process can show."""

import os
import subprocess
import sys

from support.paths import ROOT

# Only what hangs reaches it.
BOUND = 120

AS_IT_IS = "import sys; from keras_teran.cli.main import main; sys.exit(main())"


def started(program, *arguments, interrupt="default_int_handler"):
    """The command in a process of its own, signals as a terminal gives them."""

    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import signal; signal.signal(2, signal.{interrupt})\n{program}",
            *map(str, arguments),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONUNBUFFERED": "1"},
    )


def ended(process):
    """`(status, standard output, standard error)`."""
    try:
        out, err = process.communicate(timeout=BOUND)
    finally:
        process.kill()
    return process.returncode, out, err


def wait_for(process, text):
    """Reads standard output up to a line that begins so."""
    for line in process.stdout:
        if line.startswith(text):
            return
    raise AssertionError(f"ended before {text!r}: {process.stderr.read()}")
