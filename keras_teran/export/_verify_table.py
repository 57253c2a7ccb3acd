"""A verification as two Markdown tables: recall of pairs, cost of files."""

from keras_teran.evaluation import DIRECTIONS, RECALL_AT


def format_verification(found):
    """Tables of what `verify` found.

    Args:
        found: dict, from `verify`.

    Returns:
        str, Markdown: recalls and agreement (words that keep their region) in per cent,
        sizes in MB of 10^6 bytes, and a word on what is not good.
    """
    return "\n\n".join([_pairs(found), _files(found["files"])])


def _pairs(found):
    heads = [f"{name.split('_')[0]} R@{k}" for name in DIRECTIONS for k in RECALL_AT]
    reference = found["reference"]
    rows = [
        [
            f"{reference['name']} (reference)",
            *_recalls(reference["recall"]),
            "–",
            "–",
            "",
        ]
    ]
    for pair in found["pairs"]:
        rows.append(
            [
                f"{pair['format']} {pair['variant']}",
                *_recalls(pair["recall"]),
                f"{pair['rsum_change']:+.2f}",
                f"{100 * pair['agreement']:.1f}",
                "" if pair["good"] else f"loses {found['most_lost']:g} or more",
            ]
        )
    size = f"{found['images']} images, {found['captions']} captions:"
    return f"{size}\n\n" + _table(
        ["encoders", *heads, "rsum", "change", "agreement", ""], rows
    )


def _recalls(table):
    cells = [f"{100 * table[n][f'r{k}']:.1f}" for n in DIRECTIONS for k in RECALL_AT]
    return [*cells, f"{table['rsum']:.2f}"]


def _files(files):
    plain = {
        (row["format"], row["encoder"]): row["bytes"]
        for row in files
        if row["variant"] == "float32"
    }
    heads = ["file", "MB", "of float32", "cosine", "batch 1 p50 / p95 ms"]
    heads += ["batch 32 p50 / p95 ms", "peak MB"]
    rows = []
    for row in files:
        whole = plain.get((row["format"], row["encoder"]))
        cosine = row.get("mean_cosine")
        rows.append(
            [
                f"`{row['path']}`",
                f"{row['bytes'] / 1e6:.2f}",
                "" if whole is None else f"{100 * row['bytes'] / whole:.0f} %",
                "–" if cosine is None else f"{cosine:.5f}",
                *_costs(row.get("cost")),
            ]
        )
    return _table(heads, rows)


def _costs(cost):
    if cost is None:
        return ["", "", ""]
    times = [f"{cost[n]['p50_ms']:.2f} / {cost[n]['p95_ms']:.2f}" for n in ("1", "32")]
    peak = cost["peak_mb"]
    return [*times, "" if peak is None else f"{peak:.0f}"]


def _table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
