"""How a command ends: its exit status, one line on standard error, and signals.

It is imported before anything else, so it imports only what Python itself has loaded.
"""

import os
import signal
import sys

from keras_teran.cli import _streams as streams

DONE = 0
REFUSED = 2
# What a shell gives a command whose reader has gone, such as `head`.
NO_READER = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else REFUSED
EXIT_STATUS = """exit status: 0 done; 2 refused or failed, with one line that says why;
130 interrupted (Ctrl-C); 143 terminated."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
# Seconds that a stopped command has to clear up: after the first signal, after the
# second; the third ends it where it stands.
_GRACE = (5.0, 1.0, 0.0)
# What functions of the package call the file that they work on.
_PATHS = ("aside", "path", "partial", "folder", "out", "run")
# Characters of a message; Keras shows whole configurations in its own.
_LONGEST = 1000


class Stopped(KeyboardInterrupt):
    """A signal that ends the command.

    Args:
        number: int, the signal.
    """

    def __init__(self, number):
        super().__init__(f"signal {number}")
        self.number = number


class Ending:
    """Runs a command and turns whatever ends it into a line and an exit status.

    Args:
        program: str, what the line begins with.
        debug: bool, show the traceback of an error before its line.
        own: bool, the process is the command's own: a signal ends it at once, and the
            handlers stay to its end.

    Attributes:
        hint: str, what the line of a signal adds, such as how to go on.
    """

    def __init__(self, program, debug=False, own=False):
        self.program, self.debug, self.own = program, debug, own
        self.hint = ""
        self._signal = None
        self._said = self._over = False

    def run(self, command):
        """Calls a function without arguments.

        Returns:
            int: 0; 2 for any error; 128 and its number for a signal.
        """
        before = self._handle_signals()
        try:
            return self._status_of(command)
        finally:
            self._over = True
            if not self.own:
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _status_of(self, command):
        try:
            try:
                with streams.Quiet(self.debug):
                    streams.with_output(command)
            # Twice, so that a signal during the first line is caught too.
            except KeyboardInterrupt as stop:
                return self._stopped(stop)
            except (SystemExit, GeneratorExit):
                raise
            # A panic of a native library in Rust is a BaseException.
            except BaseException as error:  # noqa: BLE001
                return self._failed(error)
        except KeyboardInterrupt as stop:
            return self._stopped(stop)
        return DONE

    def _failed(self, error):
        if isinstance(error, BrokenPipeError) and streams.reader_is_gone():
            streams.drop_output()
            return NO_READER
        if self.debug:
            _show_traceback(error)
        self._say(told(error))
        if isinstance(error, OSError):
            streams.drop_output_if_broken()
        return REFUSED

    def _stopped(self, stop):
        number = getattr(stop, "number", signal.SIGINT)
        if self.debug:
            _show_traceback(stop)
        self._say_stopped(number)
        if self.own:
            streams.flush()
            # Threads of pools and of native libraries would keep the process, or
            # take it down in another way.
            os._exit(128 + number)
        return 128 + number

    def _say_stopped(self, number):
        self._say(self._stop_line(number))

    def _stop_line(self, number):
        return f"{_WORDS[number]}; {self.hint}" if self.hint else f"{_WORDS[number]}."

    def _say(self, line):
        if self._said:
            return
        self._said = True
        _close_bars()
        if sys.stderr is not None:
            try:
                print(f"{self.program}: {line}", file=sys.stderr, flush=True)
            except (OSError, ValueError):  # standard error is closed or full
                pass

    def _handle_signals(self):
        """Takes the signals that nobody ignores; returns the handlers before."""
        before = {}
        try:
            for number in _SIGNALS:
                # What `nohup` or a shell's background job ignores stays ignored.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, self._handle)
        except ValueError:  # not in the main thread
            return before
        if self.own and before:
            self._errors = os.dup(2)
            self._watch()
        return before

    def _handle(self, number, _):
        first, self._signal = self._signal is None, self._signal or number
        if self.own and first:
            # What fails from here on fails because of the stop.
            sys.unraisablehook = self._unraisable
            sys.modules["threading"].excepthook = _pass_over
        if not self._over and (first or not self.own):
            raise Stopped(number)

    def _unraisable(self, problem):
        """A finalizer or callback swallowed the stop, which nobody will raise again."""
        if problem.exc_type is Stopped:
            self._end(self._signal)

    def _watch(self):
        """Ends the process from a thread where the main one stays in native code.

        Python calls a handler between two of its instructions only, which a training
        step, a file's inference or a pool with a long queue can put off for long.
        """
        import threading

        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
        threading.Thread(target=self._wait, args=(reading,), daemon=True).start()

    def _wait(self, reading):
        import select
        import time

        count, deadline, first = 0, None, None
        while deadline is None or time.monotonic() < deadline:
            left = None if deadline is None else deadline - time.monotonic()
            if not select.select([reading], [], [], left and max(left, 0))[0]:
                continue
            for number in os.read(reading, 16):
                # Bound methods are equal, not identical. Others' handlers, such as a
                # server's, are left to do their work.
                if number not in _SIGNALS or signal.getsignal(number) != self._handle:
                    continue
                first = first or number
                grace = _GRACE[min(count, len(_GRACE) - 1)]
                soon = time.monotonic() + grace
                deadline = soon if deadline is None else min(deadline, soon)
                count += 1
        self._end(first)

    def _end(self, number):
        """Ends the process at once, without a lock that another thread may hold."""
        if not self._said:
            self._said = True
            line = self._stop_line(number)
            bars = "\n" if _bars_open() else ""
            try:
                os.write(self._errors, f"{bars}{self.program}: {line}\n".encode())
            except OSError:
                pass
        os._exit(128 + number)


def run_script(main):
    """Runs a script's `main` as `keras-teran` runs a command.

    Args:
        main: function without arguments, which reads those of the process.

    Raises:
        SystemExit: with the exit status, if that is not 0.
    """
    debug, sys.argv[1:] = take_debug(sys.argv[1:])
    program = os.path.basename(sys.argv[0])
    if status := Ending(program, debug, own=True).run(main):
        sys.exit(status)


def take_debug(arguments):
    """Takes `--debug` out of the arguments, wherever it stands.

    Args:
        arguments: list of str.

    Returns:
        `(debug, arguments)`: whether it was there, and the others.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [value for value in arguments[:end] if value != "--debug"]
    return len(options) < end, [*options, *arguments[end:]]


def told(error):
    """An error as one line: the file at hand, and the kind where it says nothing else.

    Args:
        error: an exception.

    Returns:
        str, of one line.
    """
    from keras_teran._io import one_line

    text = one_line(error, _LONGEST)
    known = isinstance(error, ValueError | OSError | ModuleNotFoundError) and text
    place = getattr(error, "at_hand", None)
    if isinstance(error, MemoryError):
        text = f"out of memory. {text}".strip()
    elif not known:
        text = f"{type(error).__name__}: {text}; --debug shows where."
    if place is None and (not known or _lacks_name(error)):
        place = _path_in_frames(error)
    return text if place is None or str(place) in text else f"{one_line(place)}: {text}"


def _lacks_name(error):
    """Whether the system says what went wrong, such as a full disk, but not where."""
    return isinstance(error, OSError) and error.errno and error.filename is None


def _path_in_frames(error):
    """The path that the innermost function of the package worked on; None: none."""
    frames, step = [], error.__traceback__
    while step is not None:
        frames.append(step.tb_frame)
        step = step.tb_next
    for frame in reversed(frames):
        if frame.f_globals.get("__name__", "").startswith("keras_teran."):
            for name in _PATHS:
                if isinstance(value := frame.f_locals.get(name), str | os.PathLike):
                    return os.fspath(value)
    return None


def _pass_over(_):
    """An error in a thread of a process that ends."""


def _show_traceback(error):
    import traceback

    _close_bars()
    traceback.print_exception(error)


def _bars():
    """The module that knows the open bars, where anything has imported it."""
    return sys.modules.get("keras_teran._io._bars")


def _bars_open():
    return bool((bars := _bars()) and bars.any_open())


def _close_bars():
    if bars := _bars():
        bars.close_bars()
