"""What the three runtimes have in common."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from keras_teran._io import one_line


@dataclass(frozen=True)
class Graph:
    """An opened graph file.

    Attributes:
        inputs: dict of the inputs' names to their NumPy dtypes, or to the runtime's own
            name of a type that NumPy lacks.
        shapes: dict of the inputs' names to their shapes, None where any size will do.
        run: function of a dict of NumPy arrays to a dict of NumPy arrays, which are the
            caller's own. It may be called from several threads.
    """

    inputs: dict
    shapes: dict
    run: Callable


@contextlib.contextmanager
def naming(path, fault):
    """Turns whatever a runtime raises inside into a ValueError that names the file.

    Args:
        path: of the file.
        fault: str, what is then said of it, such as "cannot be run".

    Raises:
        ValueError: of one line, for any exception.
    """
    try:
        yield
    # The runtimes raise errors of many kinds, some of them plain `Exception`s.
    except Exception as error:
        raise ValueError(f"{path} {fault}: {one_line(error)}") from error
