"""How long the package takes to import and the command to answer `--help`.

    python benchmarks/startup.py

Each run is a fresh interpreter, after one that is not counted; the baseline is an
interpreter that does nothing. What was imported is read from the interpreter itself.
"""

import os
import subprocess
import sys

from harness import arguments, report, seconds_in_turns

LIMIT_SECONDS = 0.3
HEAVY = ("keras", "tensorflow", "torch", "jax")
COMMAND = "import sys; from keras_teran.cli.main import main; main(sys.argv[1:])"
LOADED = (
    "import sys, atexit; atexit.register(lambda: print('\\nLOADED', *(n for n in "
    f"{HEAVY} if n in sys.modules))); "
)


def main():
    """Measures and reports."""
    options = arguments(__doc__)
    programs = {
        "python -c pass": ("pass",),
        "import keras_teran": ("import keras_teran",),
        "keras-teran --help": (COMMAND, "--help"),
    }
    for name in commands():
        programs[f"keras-teran {name} --help"] = (COMMAND, name, "--help")
    seconds = seconds_in_turns(
        options.repeats, **{name: lambda p=p: run(*p) for name, p in programs.items()}
    )
    rows = [
        {
            "program": name,
            "seconds": seconds[name],
            "of the limit": seconds[name] / LIMIT_SECONDS,
            "heavy packages imported": loaded(*program) or "none",
        }
        for name, program in programs.items()
    ]
    report("startup", rows, options.out, limit_seconds=LIMIT_SECONDS)


def commands():
    """The names of the subcommands, from the command's own help."""
    lines = run(COMMAND, "--help").partition("COMMAND\n    ")[2].splitlines()
    return [line.split()[0] for line in lines if line.startswith("    ") or line]


def loaded(code, *words):
    """The heavy packages in memory when a program ends, as one str."""
    return run(LOADED + code, *words).rpartition("LOADED")[2].strip()


def run(code, *words):
    """What a fresh interpreter prints that runs `code` with the arguments `words`."""
    result = subprocess.run(
        [sys.executable, "-c", code, *words],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    return result.stdout


if __name__ == "__main__":
    main()
