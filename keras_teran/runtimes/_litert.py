"""LiteRT files. An interpreter is for one call at a time, so a pool holds several."""

import os
import threading

from keras_teran._io import require_file
from keras_teran.runtimes._graph import Graph, naming

SIGNATURE = "serving_default"
# Interpreters of one file. Each takes the weights once more, packed for the processor:
# 120 MB for the caption encoder of the preset `small`. 200 requests from 8 threads on
# two cores: 22 a second behind a lock, 38 with two interpreters, 39 with eight.
MOST = min(4, os.cpu_count() or 1)
_IDENTIFIER = b"TFL3"


def open_litert(path):
    """Opens the signature `serving_default` of a `.tflite` file.

    Args:
        path: of the file.

    Returns:
        A `Graph`.

    Raises:
        FileNotFoundError, ValueError: see `open_interpreter`.
    """

    def make():
        interpreter = open_interpreter(path)
        # The runner does not keep its interpreter alive.
        return interpreter, interpreter.get_signature_runner(SIGNATURE)

    with naming(path, f"has no signature {SIGNATURE!r}"):
        first = make()
        details = first[1].get_input_details()
    pool = InterpreterPool(path, make, MOST, first)
    return Graph(
        {name: detail["dtype"] for name, detail in details.items()},
        {name: shape_of(detail) for name, detail in details.items()},
        # The runner resizes the inputs; its outputs are copies of the tensors.
        lambda arrays: pool.use(lambda opened: opened[1](**arrays)),
    )


def open_interpreter(path, **settings):
    """An interpreter of a file whose structure LiteRT has verified.

    LiteRT 2.3 verifies the offsets of a file before it follows them. What a file's
    operators do with tensors that are made to hurt is not verified by anything.

    Args:
        path: of the file.
        **settings: of `ai_edge_litert.interpreter.Interpreter`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no LiteRT file, or a damaged one.
    """
    from ai_edge_litert.interpreter import Interpreter

    with open(require_file(path), "rb") as file:
        head = file.read(8)
    with naming(path, "is no LiteRT file, or a damaged one"):
        if head[4:] != _IDENTIFIER:
            raise ValueError(f"its bytes 4 to 8 are {head[4:]!r}, not {_IDENTIFIER!r}")
        return Interpreter(model_path=str(path), **settings)


def shape_of(detail):
    """The shape of an input: a tuple, None where any size will do."""
    return tuple(None if size < 0 else int(size) for size in detail["shape_signature"])


class InterpreterPool:
    """Lends interpreters of one file, each to one call at a time.

    Args:
        path: of the file, for errors.
        make: function that opens another interpreter.
        most: int; further calls wait until an interpreter is free.
        first: what `make` gave before, or None.
    """

    def __init__(self, path, make, most=1, first=None):
        self._path, self._make = path, make
        self._idle = [] if first is None else [first]
        self._free = threading.BoundedSemaphore(most)

    def use(self, call):
        """Calls a function with an interpreter that nothing else uses meanwhile.

        Args:
            call: function of what `make` gives. It sets inputs, invokes, and gets
                outputs, as one step.

        Returns:
            What `call` returns.

        Raises:
            ValueError: of one line, if LiteRT refuses. That interpreter is then not
                used again: what state it is in is not known.
        """
        with self._free, naming(self._path, "cannot be run"):
            try:
                opened = self._idle.pop()
            except IndexError:
                opened = self._make()
            found = call(opened)
            self._idle.append(opened)
            return found
