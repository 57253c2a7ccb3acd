"""Freed memory stays with the process that trains."""

import ctypes
import subprocess
import sys

import pytest
from support.pair_batches import LENGTHS, batches_of
from support.paths import ROOT

from keras_teran.backend import _malloc as freed_memory

# In a process of its own: elsewhere the heap may have room for the array already.
PROGRAM = """
import ctypes, resource
import numpy as np
from keras_teran.backend._malloc import keep_freed_memory

def faults_of_taking(mebibytes, times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.ones(mebibytes * 2**17)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

library = ctypes.CDLL(None)
library.mallopt(-1, 2**17)  # as TensorFlow's dataset does
library.mallopt(-3, 2**17)
print(faults_of_taking(8, times=50))
keep_freed_memory()
faults_of_taking(8, times=1)  # the heap grows
print(faults_of_taking(8, times=50))
"""


@pytest.mark.process
@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)
def test_memory_taken_again_is_not_mapped_again():
    """By the pages that the system had to map for arrays that are made and dropped."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        check=True,
        text=True,
        cwd=ROOT,
    )
    returned, kept = map(int, found.stdout.split())
    assert returned >= 50 and kept < returned / 10


@pytest.mark.parametrize("library", [None, object()])
def test_another_c_library_is_left_alone(library, monkeypatch):
    monkeypatch.setattr(freed_memory, "_c_library", lambda: library)
    freed_memory.keep_freed_memory()


def test_each_batch_that_is_handed_out_keeps_it_so(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "keras_teran.data._batches.keep_freed_memory", lambda: calls.append(1)
    )
    batches = batches_of(tmp_path, LENGTHS, batch_size=4)
    for index in range(3):
        batches[index]
    assert len(calls) == 3
