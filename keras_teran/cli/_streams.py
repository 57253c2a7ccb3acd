"""Standard output and error: nothing between a command's lines, readers that go.

It is imported before anything else, so it imports only what Python itself has loaded.
"""

import os
import sys

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


class Quiet:
    """Keeps what libraries log and warn of out of the command's output."""

    def __init__(self, debug):
        self._loud = debug or bool(sys.warnoptions)

    def __enter__(self):
        import warnings

        self._filters = warnings.catch_warnings()
        self._filters.__enter__()
        if self._loud:
            return
        warnings.simplefilter("ignore")
        # Lines of TensorFlow's native code, such as which processor it found.
        if os.environ.setdefault(_LOG_LEVEL, "3") == "3":
            self._importer = _SilentImport()
            sys.meta_path.insert(0, self._importer)

    def __exit__(self, *problem):
        self._filters.__exit__(*problem)
        if self._importer in sys.meta_path:
            sys.meta_path.remove(self._importer)

    _importer = None


class _SilentImport:
    """Imports TensorFlow with standard error shut.

    Two of its native libraries log before they can be told a level.
    """

    def find_spec(self, name, path=None, target=None):
        """A spec of TensorFlow alone, as `sys.meta_path` asks for one."""
        if name != "tensorflow":
            return None
        import importlib.util

        sys.meta_path.remove(self)
        if (spec := importlib.util.find_spec(name)) is not None:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _silently(load, module)
        return spec


def _silently(function, *arguments):
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        return function(*arguments)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def with_output(command):
    """Calls a command and writes out what it printed, whose errors are its own too."""
    try:
        command()
    finally:
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError as error:
            error.at_hand = "standard output"
            raise


def reader_is_gone():
    """Whether standard output is a pipe that nobody reads any more."""
    import select

    try:
        poll = select.poll()
        poll.register(1, 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (AttributeError, OSError):
        return True


def drop_output():
    """Sends what is still buffered for standard output nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def drop_output_if_broken():
    """So that the interpreter's last flush does not print a second error."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        drop_output()


def flush():
    """Writes out what is buffered, as far as anyone still takes it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass
