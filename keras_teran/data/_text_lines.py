"""Lines of a text file; what is no text is named by file and line."""

import itertools

from keras_teran import _io

# Of one line: a caption has some 100 characters, a record of all of an image's 10,000.
_MOST_BYTES = 2**24
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def read_lines(path):
    """Yields the lines of a text file, which end at a line feed.

    Args:
        path: the file, in UTF-8, with or without a byte-order mark, or in UTF-16 or
            UTF-32 with one.

    Yields:
        (number from 1, text without its end), str as it stands.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no regular file; at a line that is no text, holds a NUL or
            has over 16 MiB; names it and what would do.
    """
    path = _io.require_file(path)
    with path.open("rb") as file:
        if file.peek(4).startswith(_WIDE_MARKS):
            lines = _decoded(path)
        else:
            lines = _lines(path, file)
        for number, line in enumerate(lines, start=1):
            if "\0" in line:
                raise ValueError(
                    f"{path}, line {number} holds a NUL, so it is no text, or UTF-16 "
                    "without a mark. Save the file as UTF-8."
                )
            yield number, line.rstrip("\r\n")


def _decoded(path):
    lines = _io.read_text(path).split("\n")
    return lines[:-1] if not lines[-1] else lines


def _lines(path, file):
    for number in itertools.count(1):
        line = file.readline(_MOST_BYTES + 1)
        if not line:
            return
        if len(line) > _MOST_BYTES:
            raise ValueError(f"{path}, line {number} has over {_MOST_BYTES:,} bytes.")
        # Only the first line may start with a mark.
        yield _decode(path, number, line, "utf-8-sig" if number == 1 else "utf-8")


def _decode(path, number, line, encoding):
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}, line {number}: byte 0x{line[error.start]:02x} at {error.start} is "
            "no UTF-8. Save the file as UTF-8, such as by `iconv -f latin1 -t utf-8`."
        ) from error
