"""Regular files, their text and their hashes."""

import codecs
import contextlib
import hashlib
import os
import stat
from pathlib import Path

# Longer values are cut where an error shows them.
_SHOWN = 80
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


def require_file(path, missing=None):
    """Refuses what cannot be read as a file: nothing there, a folder, a FIFO, a device.

    Args:
        path: str or path.
        missing: str, the error's text where nothing is there; None for a plain one.

    Returns:
        `pathlib.Path`.

    Raises:
        FileNotFoundError: if nothing is there.
        ValueError: if it is no regular file. Opening a FIFO would wait forever.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    # A ValueError: a zero byte or half a character, which no name of a file has.
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise FileNotFoundError(missing or f"There is no file {path}.") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise ValueError(f"{path} is {kind}; give a file.")
    return path


def read_bytes(path, most, missing=None):
    """The content of a regular file of at most `most` bytes.

    Raises:
        FileNotFoundError: if nothing is there; `missing` is then the text.
        ValueError: if it is no regular file, or a longer one.
    """
    path = require_file(path, missing)
    with open(path, "rb") as file:
        # Python allocates what it is asked to read before it reads.
        size = os.fstat(file.fileno()).st_size
        content = file.read(min(most, size) + 1)
    if len(content) > most:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes; at most {most:,} are read."
        )
    return content


def read_text(path, most=2**31, missing=None):
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Args:
        path: str or path.
        most: int, bytes. A longer file is refused.
        missing: str, the error's text where nothing is there.

    Returns:
        str, without the byte order mark.

    Raises:
        FileNotFoundError: if nothing is there.
        ValueError: if it is no regular file, a longer one, or in another encoding;
            names the byte.
    """
    content = read_bytes(path, most, missing)
    encoding = next((e for mark, e in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path} is not {encoding.upper()}: byte {error.start}, line {line}. Save "
            "it as UTF-8."
        ) from None


def sha256(path):
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(require_file(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def at_hand(path):
    """Notes a path on any error raised inside, for the command's one line."""
    try:
        yield
    except Exception as error:
        if not hasattr(error, "at_hand"):
            # Exceptions without a `__dict__` cannot keep it.
            with contextlib.suppress(AttributeError):
                error.at_hand = str(path)
        raise


def one_line(text, most=400):
    """A message of any library as one line of at most `most` characters.

    >>> one_line("first line,\\n   second")
    'first line, second'
    """
    plain = " ".join(str(text).split())
    plain = "".join(c if c.isprintable() else "?" for c in plain)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def shown(value):
    """A value as an error shows it: its `repr`, cut to 80 characters on one line.

    >>> shown("a" * 100) == repr("a" * 100)[:79] + "…"
    True
    """
    try:
        # Nothing longer is formatted only to be cut: a text of 10 MB, a list of lists.
        if isinstance(value, str | bytes):
            value = value[: 2 * _SHOWN]
        elif isinstance(value, list | tuple | dict | set) and len(value) > _SHOWN:
            return f"a {type(value).__name__} of {len(value):,}"
        return one_line(repr(value), _SHOWN)
    except (ValueError, RecursionError):  # an int of 5,000 digits, a list in itself
        return f"a {type(value).__name__}"
