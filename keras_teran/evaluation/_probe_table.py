"""The result of a probe as text, and as rows for a report."""

from keras_teran.evaluation._protocol_table import align_columns

# ARO's attributes have some 100 kinds; the file of figures has all.
_MOST_KINDS = 24


def format_probe(result):
    """A result as text.

    Args:
        result: `ProbeResult`.

    Returns:
        str of several lines: a table with a row a kind, notes, and the worst case.
    """
    rows = result.rows
    lines = [
        f"{result.name}: per cent [95 % interval, bootstrap over images], chance",
        *align_columns(_table(result, rows[:_MOST_KINDS])),
    ]
    if len(rows) > _MOST_KINDS:
        lines.append(f"and {len(rows) - _MOST_KINDS} rows more, see --out")
    lines += [f"note: {note}" for note in result.notes]
    worst = result.worst[:1]
    lines += [f"worst: {_case_text(case)}" for case in worst]
    return "\n".join(lines)


def probe_rows(results):
    """Results as plain rows for a report: the figures of a kind in one text.

    Args:
        results: iterable of `ProbeResult`.

    Returns:
        list of dicts of str: `probe`, `kind`, `items`, `figures` (all of the kind, with
        intervals and chance) and `longer` (per cent that the longest caption would get;
        empty where that means nothing).
    """
    return [
        {
            "probe": result.name,
            "kind": row.kind,
            "items": f"{row.items:,}",
            "figures": str(row.figures),
            "longer": _longer(row),
        }
        for result in results
        for row in result.rows
    ]


def case_rows(results):
    """The worst and the best cases as plain rows for a report.

    Args:
        results: iterable of `ProbeResult`.

    Returns:
        list of dicts of str: `probe`, `case` ("worst" or "best"), `kind`, `image`,
        `right`, `wrong` and `margin`. Several texts stand on lines of their own.
    """
    return [
        {
            "probe": result.name,
            "case": name,
            "kind": case.kind,
            "image": "\n".join(map(str, case.images)),
            "right": "\n".join(case.right),
            "wrong": "\n".join(case.wrong),
            "margin": f"{case.margin:+.3f}",
        }
        for result in results
        for name, cases in (("worst", result.worst), ("best", result.best))
        for case in cases
    ]


def _table(result, rows):
    lengths = result.rule == "choice"
    yield ["kind", "items", *result.figure_names, *["longest caption"] * lengths]
    for row in rows:
        cells = [row.kind, f"{row.items:,}", *row.figures.cells()]
        yield [*cells, *[_longer(row)] * lengths]


def _longer(row):
    return "" if row.longer is None else f"{100 * row.longer:.1f}"


def _case_text(case):
    images = ", ".join(map(str, case.images))
    texts = " | ".join([*case.right, *case.wrong])
    return f"{images} ({case.kind}): {texts} ({case.margin:+.3f})"
