"""Tables with a header line, of whatever separator: a record is a line."""

import csv

from keras_teran import _io
from keras_teran.data._text_lines import read_lines

# Kaggle's Flickr30k is separated by `|`; a spreadsheet of many countries writes `;`.
_SEPARATORS = {"\t": "tab", "|": "`|`", ";": "`;`", ",": "comma"}
_QUOTED = (",", ";")
_TWICE = "In a field in quotes, an inner quote is written twice"


def read_table(path, fits, needs):
    """Yields the records of a table.

    The separator is the one by which the header has the columns needed: tab, `|`, `;` or
    comma. With the last two a field may stand in quotes (RFC 4180), which end on its
    line: no quote ever joins two lines. A quote elsewhere is a character.

    Args:
        path: the file, see `read_lines`.
        fits: function of a list of column names: whether they are those of the table.
        needs: str, what the error says of a header that does not fit.

    Yields:
        `(place, record)`: the file and line, for errors, and a dict of column to text,
        without the white space around it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the header does not fit or names a column twice, a quote is not
            closed on its line, or a record has more or fewer fields than the header.
    """
    lines = ((number, line) for number, line in read_lines(path) if line.strip())
    number, header = next(lines, (1, ""))
    place = f"{path}, line {number}"
    separator = next((s for s in _SEPARATORS if fits(_split_header(header, s))), None)
    if separator is None or "\r" in header:
        most = max(_SEPARATORS, key=header.count)
        raise ValueError(
            f"{place} {needs}, separated by comma, tab, `;` or `|`, on a line that ends "
            f"in a line feed; it has {_io.shown(_split_header(header, most))}."
        )
    columns = _fields(header, separator, place)
    if twice := {name for name in columns if name and columns.count(name) > 1}:
        raise ValueError(f"{place} names the column {min(twice)!r} twice.")
    for number, line in lines:
        place = f"{path}, line {number}"
        fields = _fields(line, separator, place)
        if len(fields) != len(columns):
            told = "needs quotes" if separator in _QUOTED else "cannot be told apart"
            raise ValueError(
                f"{place}: not as many columns as the first line: {len(fields)}, not "
                f"{len(columns)}; a field with a {_SEPARATORS[separator]} in it {told}."
            )
        yield place, dict(zip(columns, fields, strict=True))


def _split_header(line, separator):
    return [name.strip().strip('"') for name in line.split(separator)]


def _fields(line, separator, place):
    if separator not in _QUOTED:
        return [field.strip() for field in line.split(separator)]
    reader = csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True)
    try:
        return [field.strip() for field in next(reader)]
    except csv.Error as error:
        problem = _io.one_line(error)
        if "unexpected end" in problem:
            problem = f"a quote is opened and not closed; a record stands on one line. {_TWICE}"
        elif "new-line" in problem:
            problem = (
                "a carriage return stands within the line; end lines in a line feed"
            )
        elif "expected after" in problem:
            problem = f"text follows a closing quote. {_TWICE}"
        raise ValueError(f"{place}: {problem}.") from None
