"""How the command ends: errors of any kind, signals at any moment, readers that go."""

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from data_folder import small_config, write_data_folder

from keras_teran import _io, cli, ending
from keras_teran._io import bars
from keras_teran.cli import main
from keras_teran.run import write_text

ROOT = Path(__file__).parents[1]
# Only what hangs reaches it.
BOUND = 120
GOES_ON = "the same command goes on."

AS_IT_IS = "import sys; from keras_teran.cli import main; sys.exit(main())"
# Sends itself a signal when a module is about to be imported.
AT_IMPORT = """
import os, sys
class Tell:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            for _ in range({times}):
                os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Tell())
from keras_teran.cli import main
sys.exit(main())
"""

# Says "ready" and does what follows in place of training.
IN_PLACE_OF_TRAINING = """
import sys
from keras_teran import cli
def train(arguments):
    print("ready", flush=True)
    {work}
cli.train = train
sys.exit(cli.main())
"""
# No signal interrupts it, and it holds no lock of Python.
NATIVE = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
LONG_QUEUE = """
    import time
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(time.sleep, [0.1] * 10_000))
"""
IN_A_FINALIZER = """
    import time
    class Slow:
        def __del__(self):
            print("finalizing", flush=True)
            while True:
                time.sleep(0.01)
    Slow()
"""
IN_A_BARE_EXCEPT = """
    import time
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass
"""


def started(program, *arguments, interrupt="default_int_handler"):
    """The command in a process of its own, signals as a terminal gives them."""

    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import signal; signal.signal(2, signal.{interrupt})\n{program}",
            *map(str, arguments),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONUNBUFFERED": "1"},
    )


def ended(process):
    """`(status, standard output, standard error)`."""
    try:
        out, err = process.communicate(timeout=BOUND)
    finally:
        process.kill()
    return process.returncode, out, err


def wait_for(process, text):
    """Reads standard output up to a line that begins so."""
    for line in process.stdout:
        if line.startswith(text):
            return
    raise AssertionError(f"ended before {text!r}: {process.stderr.read()}")


def train_by(function, monkeypatch):
    """Puts a function in place of `keras-teran train`, which is named by it."""
    function.__name__ = "train"
    monkeypatch.setattr(cli, "train", function)


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
@pytest.mark.parametrize("module", ["argparse", "numpy", "keras_teran.run"])
def test_a_signal_in_the_first_second_is_one_line(number, status, word, module):
    program = AT_IMPORT.format(module=module, number=int(number), times=1)
    found = ended(started(program, "evaluate", "nowhere"))
    assert found == (status, "", f"keras-teran: {word}.\n")


@pytest.mark.parametrize("module", ["tensorflow", "tensorflow.python.ops.math_ops"])
def test_a_signal_while_tensorflow_is_imported_is_one_line(module):
    program = AT_IMPORT.format(module=module, number=int(signal.SIGINT), times=2)
    found = ended(started(program, "evaluate", "nowhere"))
    assert found == (130, "", "keras-teran: interrupted.\n")


@pytest.mark.parametrize(
    "work",
    [NATIVE, LONG_QUEUE, IN_A_FINALIZER, IN_A_BARE_EXCEPT],
    ids=["native code", "a pool with a long queue", "a finalizer", "a bare except"],
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_signal_that_python_puts_off_ends_the_command_too(work, times, tmp_path):
    process = started(IN_PLACE_OF_TRAINING.format(work=work), "train", tmp_path / "run")
    wait_for(process, "finalizing" if work == IN_A_FINALIZER else "ready")
    for _ in range(times):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)  # signals of one number that wait together are one
    status, _, err = ended(process)
    assert (status, err) == (143, f"keras-teran: terminated; {GOES_ON}\n")


def test_a_signal_in_a_training_says_that_the_same_command_goes_on(tmp_path):
    config = small_config(write_data_folder(tmp_path / "data"), recipe={"epochs": 1000})
    (tmp_path / "config.yaml").write_text(_io.yaml_text(config.as_dict()))
    options = ["--config", tmp_path / "config.yaml"]
    process = started(AS_IT_IS, "train", tmp_path / "run", *options)
    wait_for(process, "Epoch 1/")
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (130, f"keras-teran: interrupted; {GOES_ON}\n")
    assert "Traceback" not in out


def test_a_signal_that_the_parent_ignores_stays_ignored():
    program = AT_IMPORT.format(module="numpy", number=int(signal.SIGINT), times=1)
    ignoring = started(program, "train", "--help", interrupt="SIG_IGN")
    status, out, err = ended(ignoring)
    assert (status, err) == (0, "")
    assert "RUN" in out


# The service over a double of the index: it loads no model.
SERVE = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from search_double import DoubleIndex
from keras_teran import search
class Index(DoubleIndex):
    def __enter__(self):
        return self
    def __exit__(self, *_):
        print("closed", flush=True)
def opened(*_, **__):
    index = Index([{{"caption": "a red circle", "filename": "red.png"}}])
    index.matcher.encode = len
    return index
Index.open = opened
search.Index = Index
from keras_teran.cli import main
sys.exit(main())
"""


def served(process):
    """The address, once the service answers there."""
    for line in process.stdout:
        if found := re.match(r"(http://\S+) serves", line):
            return answers(found[1])
    raise AssertionError(process.stderr.read())


def answers(address):
    with urllib.request.urlopen(f"{address}/health", timeout=BOUND) as answer:
        assert answer.status == 200
    return address


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_the_service_and_closes_the_index(number, status, word):
    process = started(SERVE, "serve", "INDEX", "--port", "0")
    served(process)
    process.send_signal(number)
    found = ended(process)
    assert found == (status, "closed\n", f"keras-teran: {word}.\n")


def test_a_service_in_the_background_goes_on_when_its_terminal_is_interrupted():
    process = started(SERVE, "serve", "INDEX", "--port", "0", interrupt="SIG_IGN")
    address = served(process)
    process.send_signal(signal.SIGINT)
    answers(address)
    process.terminate()
    assert ended(process) == (143, "closed\n", "keras-teran: terminated.\n")


def test_a_reader_that_goes_ends_the_command_quietly():
    process = started(AS_IT_IS, "train", "--help")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(BOUND) == 128 + signal.SIGPIPE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_standard_output_is_named():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", AS_IT_IS, "train", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        )
    line = "keras-teran: standard output: [Errno 28] No space left on device\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_a_full_disk_is_named_by_the_file(tmp_path, monkeypatch, capsys):
    def fail(_):
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "write_text", raising(full))
            write_text(tmp_path / "figures.json", "{}")

    train_by(fail, monkeypatch)
    assert main(["train", "x"]) == 2
    place = tmp_path / "part.figures.json"
    line = f"keras-teran: {place}: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == line


def test_the_path_that_an_unknown_error_met_is_named(tmp_path, monkeypatch, capsys):
    def fail(_):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "write_text", raising(TypeError("no text")))
            write_text(tmp_path / "figures.json", None)

    train_by(fail, monkeypatch)
    assert main(["train", "x"]) == 2
    line = f"keras-teran: {tmp_path / 'part.figures.json'}: TypeError: no text; "
    assert capsys.readouterr().err.startswith(line)


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


class Panic(BaseException):
    """Like pyo3's PanicException."""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TypeError("a\nb"), "TypeError: a b; --debug shows where."),
        (KeyError("plan"), "KeyError: 'plan'; --debug shows where."),
        (RuntimeError(), "RuntimeError: ; --debug shows where."),
        (ValueError(), "ValueError: ; --debug shows where."),
        (RecursionError("deep"), "RecursionError: deep; --debug shows where."),
        (MemoryError("2 TiB"), "out of memory. 2 TiB"),
        (Panic("len 0"), "Panic: len 0; --debug shows where."),
        (ValueError("two\n  lines"), "two lines"),
        (ValueError("x" * 5000), "x" * 999 + "…"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_of_any_kind_is_one_line(error, line, monkeypatch, capsys):
    def fail(_):
        raise error

    train_by(fail, monkeypatch)
    assert main(["train", "x"]) == 2
    assert capsys.readouterr().err == f"keras-teran: {line}\n"


def test_the_file_at_hand_is_named(monkeypatch, capsys):
    def fail(_):
        with _io.at_hand("a/b.json"):
            raise TypeError("no map")

    train_by(fail, monkeypatch)
    assert main(["train", "x"]) == 2
    line = "keras-teran: a/b.json: TypeError: no map; --debug shows where.\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_the_traceback_wherever_it_stands(place, monkeypatch, capsys):
    def fail(_):
        raise TypeError("no map")

    train_by(fail, monkeypatch)
    arguments = ["train", "x"]
    arguments.insert(place, "--debug")
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "keras-teran: TypeError: no map; --debug shows where."


def test_debug_behind_two_dashes_is_an_argument():
    assert ending.take_debug(["search", "--", "--debug"]) == (
        False,
        ["search", "--", "--debug"],
    )


def test_main_leaves_the_handlers_of_its_caller(monkeypatch):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    seen = []
    train_by(lambda _: seen.append(signal.getsignal(signal.SIGTERM)), monkeypatch)
    assert main(["train", "x"]) == 0
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert seen != before[1:]


def test_main_works_in_a_thread(monkeypatch):
    train_by(lambda _: None, monkeypatch)
    found = []
    thread = threading.Thread(target=lambda: found.append(main(["train", "x"])))
    thread.start()
    thread.join()
    assert found == [0]


class Terminal:
    """Standard error that is a terminal, and keeps what is written."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


@pytest.mark.parametrize("leave", [True, False])
def test_bars_are_closed_before_a_message(leave, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    def fail(_):
        for _ in bars.progress_bar(range(3), "working", leave=leave):
            raise ValueError("that is it")

    train_by(fail, monkeypatch)
    assert main(["train", "x"]) == 2
    assert "working" in terminal.text
    before, message = terminal.text.rsplit("keras-teran: ", 1)
    assert message == "that is it\n"
    assert before.endswith("\n" if leave else "\r")


def test_no_bar_fills_a_file(capsys):
    assert list(bars.progress_bar(range(3), "working")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    assert bars.keras_verbose(True) == 2
    assert bars.keras_verbose(False) == 0


def test_the_bar_of_keras_ends_its_line_before_a_message(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)

    def fail(_):
        assert bars.keras_verbose(True) == 1
        print("3/157 loss: 1.0", end="")
        raise ValueError("that is it")

    train_by(fail, monkeypatch)
    assert main(["train", "x"]) == 2
    assert terminal.text == "3/157 loss: 1.0\nkeras-teran: that is it\n"


def test_warnings_of_libraries_do_not_stand_between(monkeypatch, recwarn, capsys):
    import warnings

    def fail(_):
        warnings.warn("old", stacklevel=1)
        raise ValueError("that is it")

    train_by(fail, monkeypatch)
    assert main(["train", "x"]) == 2
    assert capsys.readouterr().err == "keras-teran: that is it\n"
    assert not recwarn.list


def test_exit_statuses_are_told_by_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert " ".join(ending.EXIT_STATUS.split()) in told


def test_an_option_that_cannot_be_is_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["train", "x", "--epochs", "a\nb"])
    line = capsys.readouterr().err
    assert line.startswith("keras-teran: argument --epochs: invalid int value")
    assert line.count("\n") == 1
