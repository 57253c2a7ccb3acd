"""How the command ends: errors of any kind, bars, readers that go."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.command_process import AS_IT_IS, BOUND, ROOT, started

from keras_teran import _io
from keras_teran._io import _bars as bars
from keras_teran._io import write_text
from keras_teran.cli import _ending as ending
from keras_teran.cli import train
from keras_teran.cli.main import main


def train_by(function, monkeypatch):
    """Puts a function in place of what `keras-teran train` runs."""
    monkeypatch.setattr(train, "run", function)


@pytest.mark.process
def test_a_reader_that_goes_ends_the_command_quietly():
    process = started(AS_IT_IS, "train", "--help")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(BOUND) == 128 + signal.SIGPIPE


@pytest.mark.process
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
    place = tmp_path / "figures.json"
    line = f"keras-teran: {place}: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == line


def test_the_path_that_an_unknown_error_met_is_named(tmp_path, monkeypatch, capsys):
    def fail(_):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "write_text", raising(TypeError("no text")))
            write_text(tmp_path / "figures.json", None)

    train_by(fail, monkeypatch)
    assert main(["train", "x"]) == 2
    line = f"keras-teran: {tmp_path / 'figures.json'}: TypeError: no text; "
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
