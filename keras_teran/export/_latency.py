"""What one exported file costs: milliseconds and memory, in a process of its own.

    python -m keras_teran.export._latency FILE INPUTS.npz

prints one line of JSON. The arrays of INPUTS are named `BATCH/INPUT`. Besides NumPy,
the process holds nothing but the file and its runtime, so its peak memory is theirs.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from keras_teran._io import one_line
from keras_teran.export._runtime import open_graph

WARM_UP = 5
REPEATS = 60


def file_cost(path, batches):
    """Measures a file in a new process.

    Args:
        path: of the exported file or folder.
        batches: dict of int, the batch size, to a dict of NumPy arrays by input.

    Returns:
        Dict: by batch size, as a string, `p50_ms` and `p95_ms` over 60 calls after 5 of
        warming up; and `peak_mb`, float, the largest resident memory of the process, or
        None where the system does not tell (it is Linux that does).

    Raises:
        ValueError: of one line, when the file does not run there.
    """
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.npz"
        np.savez(
            inputs,
            **{
                f"{batch}/{name}": array
                for batch, arrays in batches.items()
                for name, array in arrays.items()
            },
        )
        command = [sys.executable, "-m", "keras_teran.export._latency", path, inputs]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:]
        raise ValueError(
            f"{path} does not run in a process of its own, which ended with status "
            f"{result.returncode}: {one_line(''.join(last))}"
        )
    return json.loads(result.stdout.splitlines()[-1])


def measure(path, batches):
    """The same, in this process."""
    run = open_graph(path)
    cost = {}
    for batch, inputs in batches.items():
        seconds = []
        for _ in range(WARM_UP + REPEATS):
            start = time.perf_counter()
            run(inputs)
            seconds.append(time.perf_counter() - start)
        p50, p95 = 1000 * np.percentile(seconds[WARM_UP:], (50, 95))
        cost[batch] = {"p50_ms": float(p50), "p95_ms": float(p95)}
    return cost | {"peak_mb": _peak_mb()}


def _peak_mb():
    """Not `getrusage`: its peak begins with that of the process that started this."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peaks[0]) / 1e3 if peaks else None


def _read(path):
    batches = {}
    with np.load(path, allow_pickle=False) as arrays:
        for key in arrays.files:
            batch, name = key.split("/")
            batches.setdefault(batch, {})[name] = arrays[key]
    return batches


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], _read(sys.argv[2]))))
