"""What every benchmark shares: timing in turns, the machine, a table and its JSON."""

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("keras", "tensorflow", "torch", "jax", "numpy", "onnxruntime")


def arguments(description, **options):
    """Parses the command line: `--repeats`, `--out`, and the benchmark's own sizes.

    Args:
        description: str, for `--help`.
        **options: name=default of further options; the type is the default's.

    Returns:
        `argparse.Namespace`.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    for name, default in options.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(default), default=default
        )
    return parser.parse_args()


def seconds_in_turns(repeats, **functions):
    """Times functions one after the other, round by round, so noise meets them all.

    Args:
        repeats: int, rounds; one more comes first and is not counted.
        **functions: callables without arguments. What they return is dropped.

    Returns:
        Dict of name to the median of its seconds.
    """
    seconds = {name: [] for name in functions}
    for turn in range(repeats + 1):
        for name, function in functions.items():
            gc.collect()
            started = time.perf_counter()
            function()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def machine():
    """Dict: processor, cores, memory, versions, what was run and when."""
    return {
        "command": " ".join(["python", *map(_unplaced, sys.argv)]),
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1
        ),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": _versions(),
    }


def resident(key):
    """KiB of this process' memory: `VmRSS` now, `VmHWM` at its highest."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise KeyError(key)


def report(name, rows, folder, **sizes):
    """Prints rows as a table and writes them to `folder/name.json`.

    Args:
        name: str, the benchmark.
        rows: list of dicts of the same keys; floats are printed to 4 digits.
        folder: Path.
        **sizes: what was measured.
    """
    facts = machine()
    print(f"# {name}: {', '.join(f'{k} {v}' for k, v in sizes.items())}")
    versions = ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
    print(
        f"# {facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB; "
        f"Python {facts['python']}, {versions}"
    )
    header = list(rows[0])
    cells = [header, *([_text(row[key]) for key in header] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(map(str.ljust, line, widths)).rstrip())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    text = json.dumps({**facts, "sizes": sizes, "rows": rows}, indent=2)
    path.write_text(text + "\n")
    print(f"# written: {path}")


def _unplaced(argument):
    """An absolute path's last name: where it lies on one machine is nobody's matter."""
    path = Path(argument)
    return path.name if path.is_absolute() else argument


def _text(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _processor():
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions():
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
