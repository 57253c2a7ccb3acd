"""Files and folders that appear whole or not at all: written aside, then renamed."""

import contextlib
import glob
import json
import os
import platform
import shutil
from pathlib import Path

from keras_teran._io._files import at_hand


@contextlib.contextmanager
def whole_file(path):
    """Gives a path to write to; the file takes its place when the block ends.

    An error, an interrupt among them, leaves what was there before, and nothing aside.

    Args:
        path: of the file; what is there is replaced.

    Yields:
        `pathlib.Path` in the same folder, with the suffix of `path`.
    """
    path = Path(path)
    aside = _aside(path)
    try:
        with at_hand(path):
            yield aside
            os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(path, replace=False):
    """Gives an empty folder to fill; it takes its place when the block ends.

    Args:
        path: of the folder; its parents are made.
        replace: bool, an existing folder gives way. Else only an empty one does.

    Yields:
        `pathlib.Path` beside `path`.

    Raises:
        OSError: if `path` is there, is not empty and `replace` is False.
    """
    path = Path(path)
    aside = _aside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        with at_hand(path):
            yield aside
            if replace and path.is_dir():
                _swap(aside, path)
            else:
                os.replace(aside, path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def put_in_place(aside, path):
    """Renames what stands beside a path to it, for work that goes on after a kill.

    `whole_file` and `whole_folder` begin anew and remove what an error leaves. A caller
    whose unfinished work is worth keeping names the place for it, and ends with this.

    Args:
        aside: path of a file or folder in the same folder as `path`.
        path: a file there is replaced, and an empty folder.
    """
    with at_hand(path):
        os.replace(aside, path)


def check_output(path):
    """Refuses a file that cannot be written, before the work that it is for.

    Raises:
        FileNotFoundError: if there is no folder for it.
        ValueError: if a folder, a FIFO or a device is there.
    """
    path = Path(path)
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder for {path}: make it first.")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no regular file; give another path to write.")


def check_folder(path, empty=False):
    """Refuses a folder that cannot be made, before the work that it is for.

    Args:
        path: of the folder.
        empty: bool, refuse one that holds anything.

    Returns:
        `pathlib.Path`.

    Raises:
        FileExistsError: if it holds something and `empty` is True.
        ValueError: if a file, a FIFO or a device is there or above it.
    """
    path = Path(path)
    there = (each for each in (path, *path.absolute().parents) if os.path.lexists(each))
    if (first := next(there)) and not first.is_dir():
        raise ValueError(f"{first} is no folder; give another folder to write.")
    if empty and first == path and any(path.iterdir()):
        raise FileExistsError(f"{path} holds something already; name a new folder.")
    return path


def write_text(path, text):
    """Writes a text as UTF-8, whole or not at all."""
    with whole_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes plain values as JSON in ASCII, whole or not at all.

    ASCII also holds file names that are no text (half surrogate pairs).
    """
    write_text(path, json.dumps(value, indent=1) + "\n")


def _swap(aside, path):
    """Puts a folder in the place of another. No call of the system swaps two folders."""
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    os.replace(path, old)
    try:
        os.replace(aside, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _aside(path):
    """A name of this process alone, beside `path`; what dead processes left there goes.

    Two processes that write one path do not write one file.
    """
    begins, ends = f".{path.stem}.{platform.node()}-", f".part{path.suffix}"
    for left in path.parent.glob(f"{glob.escape(begins)}*{glob.escape(ends)}"):
        owner = left.name[len(begins) : -len(ends)]
        if owner.isdigit() and not _is_alive(int(owner)):
            _remove(left)
    return path.with_name(f"{begins}{os.getpid()}{ends}")


def _is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
