"""Progress bars: on a terminal alone, and closed before a message."""

import sys
import weakref

_open = weakref.WeakSet()
_keras = {"bar": False}


def progress_bar(iterable=None, desc=None, *, disable=False, **options):
    """A progress bar of tqdm, which `close_bars` knows.

    A file or a pipe gets none: each update would be a line there.

    Args:
        iterable: what to go through; None for a bar that is updated by hand.
        desc: str, what stands before it.
        disable: bool, show none.
        options: see `tqdm.tqdm`.

    Returns:
        `tqdm.tqdm`.
    """
    from tqdm import tqdm

    made = tqdm(iterable, desc, disable=disable or None, **options)
    _open.add(made)
    return made


def keras_verbose(progress):
    """What `verbose` is for `model.fit`: a bar, or a line an epoch where it is no terminal.

    Args:
        progress: bool, show anything.

    Returns:
        0, 1 or 2.
    """
    if not progress:
        return 0
    _keras["bar"] = bool(sys.stdout and sys.stdout.isatty())
    return 1 if _keras["bar"] else 2


def any_open():
    """Whether the last line on the terminal may be a bar's."""
    return _keras["bar"] or any(not shown.disable for shown in list(_open))


def close_bars():
    """Ends the line of every open bar, so that a message begins on one of its own."""
    for shown in list(_open):
        shown.close()
    if _keras["bar"]:
        _keras["bar"] = False
        print(flush=True)
