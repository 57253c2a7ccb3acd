"""Lines of a text file in UTF-8; what is none is named by file and line."""

from pathlib import Path


def read_lines(path):
    """Yields the lines of a text file.

    Args:
        path: the file, in UTF-8, with or without a byte-order mark.

    Yields:
        (number from 1, text without its end), str as it stands.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: at a line that is no UTF-8; names it and what would do.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            # Only the first line may start with a mark.
            encoding = "utf-8-sig" if number == 1 else "utf-8"
            yield number, _decode(path, number, line, encoding).rstrip("\r\n")


def read_text(path):
    """A whole text file in UTF-8, errors as `read_lines` raises them: str."""
    return "\n".join(text for _, text in read_lines(path))


def _decode(path, number, line, encoding):
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}, line {number}: byte 0x{line[error.start]:02x} at {error.start} is "
            "no UTF-8. Save the file as UTF-8, such as by `iconv -f latin1 -t utf-8`."
        ) from error
