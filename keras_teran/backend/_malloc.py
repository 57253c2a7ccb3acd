"""Keeps freed memory in the process while batches are trained on.

TensorFlow's generator dataset, which carries the batches of a `PyDataset`, has the C
library give freed memory of over 128 KiB back to the system at once (seen in 2.21, as
"Memory patch applied: M_TRIM_THRESHOLD=128 kb" in its log). A training step frees and
takes gigabytes: the system then clears every page of them anew, in each step.
"""

import ctypes
import functools

# Of glibc's malloc.h. Pieces up to the second size are taken from the heap, the most
# that it allows; the heap's end is given back where more than the first size is free.
_M_TRIM_THRESHOLD, _KEPT = -1, 2**30
_M_MMAP_THRESHOLD, _FROM_HEAP = -3, 2**25


def keep_freed_memory():
    """Lets the C library keep up to a GiB of freed memory for what is taken next.

    Does nothing where the library is not glibc. It is global to the process, and to be
    called again after whatever may have set it otherwise; a call takes microseconds.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _FROM_HEAP)


@functools.cache
def _c_library():
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no library of the process itself
        return None
