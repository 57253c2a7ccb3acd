"""One query after the other, then from two threads; and what memory a process has."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

THREADS = 2
_SECONDS = 10.0


def timed(search, queries):
    """Latencies of a search.

    Args:
        search: callable of one query.
        queries: list; each is asked once, until ten seconds are spent. A tenth of them
            is asked before, and not counted.

    Returns:
        Dict: p50 and p95 in milliseconds, queries a second of one and two threads.
    """
    for query in queries[: max(1, len(queries) // 10)]:
        search(query)
    seconds, ends = [], time.perf_counter() + _SECONDS
    for query in queries:
        started = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - started)
        if time.perf_counter() > ends:
            break
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(search, queries[: len(seconds)]))
    together = time.perf_counter() - started
    return {
        "queries": len(seconds),
        "p50, ms": 1e3 * float(np.percentile(seconds, 50)),
        "p95, ms": 1e3 * float(np.percentile(seconds, 95)),
        "queries/s": len(seconds) / sum(seconds),
        f"of {THREADS} threads": len(seconds) / together,
    }


def memory(key):
    """MiB of this process: `RssAnon`, its own, or `RssFile`, files that it maps."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)
