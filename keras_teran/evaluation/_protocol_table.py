"""The result of a protocol as aligned text: per cent, ranks from 1."""

from keras_teran.evaluation._recall import DIRECTIONS, RECALL_AT


def format_protocol(result):
    """A result as text.

    Args:
        result: dict, from `evaluate_protocol`.

    Returns:
        str of several lines: the protocol, a table with a row a model and direction
        (each recall with its 95 % interval), the figures of `eccv_caption` where there
        are any, and the comparisons.
    """
    relevances = list(result["rows"][0]["ndcg"])
    parts = [_head(result, relevances), *align_columns(_figures(result, relevances))]
    if "eccv" in result["rows"][0]:
        parts += ["", "eccv_caption, per cent", *align_columns(_eccv(result["rows"]))]
    for comparison in result["comparisons"]:
        parts += [
            "",
            f"{comparison['second']} minus {comparison['first']}: difference "
            "[95 % interval, paired bootstrap] and p (two-sided, by swapping images)",
            *align_columns(_comparison(comparison["statistics"], relevances)),
        ]
    return "\n".join(parts)


def _head(result, relevances):
    lines = [
        result["description"],
        "per cent [95 % interval, bootstrap over images]; ranks from 1",
    ]
    if relevances and result["zero_ndcg"] == "left-out":
        lines.append(
            "NDCG@25: image to text the mean over queries whose NDCG is not 0 (the "
            "original's rule), text to image over all"
        )
    elif relevances:
        lines.append("NDCG@25: the plain mean over all queries, both ways")
    return "\n".join(lines)


def _figures(result, relevances):
    recalls = [f"R@{k}" for k in RECALL_AT]
    gains = [f"NDCG {name}" for name in relevances]
    yield ["", "model", "direction", *recalls, "median", "mean", *gains]
    for row in result["rows"]:
        ends = row["intervals"]
        for way in DIRECTIONS:
            table = row["recall"][way]
            cells = [
                _with_ends(100 * table[f"r{k}"], ends[f"{way}_r{k}"], 100)
                for k in RECALL_AT
            ]
            cells += [f"{table[n] + 1:.1f}" for n in ("median_rank", "mean_rank")]
            for name in relevances:
                value = row["ndcg"][name][way][result["zero_ndcg"]]
                cells.append(_with_ends(100 * value, ends[f"{way}_ndcg_{name}"], 100))
            yield [row["kind"], row["label"], way.replace("_", " "), *cells]
        rsum = _with_ends(row["recall"]["rsum"], ends["rsum"], 1)
        yield [row["kind"], row["label"], "rsum", rsum]


def _eccv(rows):
    names = list(rows[0]["eccv"])
    yield ["", "model", "direction", *names]
    for row in rows:
        for way in DIRECTIONS:
            cells = [f"{100 * row['eccv'][name][way]:.1f}" for name in names]
            yield [row["kind"], row["label"], way.replace("_", " "), *cells]


def _comparison(statistics, relevances):
    recalls = [f"R@{k}" for k in RECALL_AT]
    yield ["direction", *recalls, *(f"NDCG {name}" for name in relevances)]
    for way in DIRECTIONS:
        names = [f"{way}_r{k}" for k in RECALL_AT]
        names += [f"{way}_ndcg_{name}" for name in relevances]
        cells = [_difference(statistics[name], 100) for name in names]
        yield [way.replace("_", " "), *cells]
    yield ["rsum", _difference(statistics["rsum"], 1)]


def _difference(statistic, factor):
    low, high = statistic["interval"]
    return (
        f"{factor * statistic['difference']:+.1f} "
        f"[{factor * low:+.1f}, {factor * high:+.1f}] p={statistic['p']:.4f}"
    )


def _with_ends(value, ends, factor):
    low, high = ends
    return f"{value:.1f} [{factor * low:.1f}, {factor * high:.1f}]"


def align_columns(rows):
    """Rows of texts as lines, columns below each other: list of str."""
    rows = list(rows)
    widths = [0] * max(map(len, rows))
    for row in rows:
        for column, cell in enumerate(row):
            # A row that ends early may run on under the columns it leaves empty.
            if column < len(row) - 1 or len(row) == len(widths):
                widths[column] = max(widths[column], len(cell))
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]
