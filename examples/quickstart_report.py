"""The quickstart's report: one HTML file, from `quickstart_report.html`."""

from base64 import b64encode
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10
from pathlib import Path

import keras_teran
from keras_teran._io import write_text
from keras_teran.report import render

DIRECTIONS = {"image_to_text": "image → text", "text_to_image": "text → image"}
RECALLS = {"r1": "R@1", "r5": "R@5", "r10": "R@10"}


@dataclass
class Report:
    """What a report shows; a part that is left empty is left out.

    Attributes:
        title: str.
        summary: list of str, paragraphs at the top: what was run, on what.
        facts: dict, label -> str: preset, number of weights, images, captions ...
        history: dict, name -> list of one float an epoch: `loss` and the logs of
            `RetrievalEvaluation` (`val_rsum`, `val_image_to_text_r1` ...), as in
            `keras.callbacks.History.history`. Other names are ignored.
        tables: dict, name of a model -> the table of `evaluate_retrieval`. The first is
            the model of the run, the others stand below to compare.
        tables_note: str, a line under the tables: on which images.
        grounding: dict from `grounding_accuracy`: `accuracy`, `chance`, fractions, and
            `nouns`, int.
        place: dict, the `figures` of `evaluate_grounding`.
        cases: list of `(text, png)`, the worst and the best phrases.
        probes: list of `ProbeResult`.
        pictures: list of `(caption, png)`: str, and bytes from `draw_alignment`.
        exports: list of dict, the `artifacts` of an export's manifest: `path`, `bytes`
            and `max_abs_error` against Keras.
        versions: dict, package -> version.
        seconds: dict, stage -> float, wall time in the order of the stages.
        next_commands: list of `(command, purpose)`, both str.
    """

    title: str
    summary: list = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    history: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)
    tables_note: str = ""
    grounding: dict | None = None
    place: dict | None = None
    cases: list = field(default_factory=list)
    probes: list = field(default_factory=list)
    pictures: list = field(default_factory=list)
    exports: list = field(default_factory=list)
    versions: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)
    next_commands: list = field(default_factory=list)


def write_report(path, report):
    """Write a report as one self-contained HTML file.

    Styles, charts (SVG) and pictures (PNG) are inside. Recalls are printed in per cent,
    ranks from 1.

    Args:
        path: where to write; its folder must exist.
        report: `Report`, whose attributes say what each part takes.

    Raises:
        FileNotFoundError: the folder of `path` does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} of the report does not exist: make it first."
        )
    page = render(
        Path(__file__).with_name("quickstart_report.html"),
        title=report.title,
        summary=report.summary,
        report=report,
        tiles=tiles(report),
        rows=recall_rows(report.tables),
        recalls=list(RECALLS.values()),
        charts=list(charts(report.history)),
        pictures=embedded(report.pictures),
        place=keras_teran.grounding_rows(report.place) if report.place else [],
        cases=embedded(report.cases),
        probes=[[*row.values()] for row in keras_teran.probe_rows(report.probes)],
        probe_cases=[
            [*row.values()] for row in keras_teran.probe_case_rows(report.probes)
        ],
        exports=[
            (one["path"], f"{one['bytes'] / 1e6:.2f} MB", f"{one['max_abs_error']:.1e}")
            for one in report.exports
        ],
        facts=report.facts
        | {f"time to {stage}": duration(s) for stage, s in report.seconds.items()}
        | report.versions,
    )
    write_text(path, page)


def embedded(pictures):
    """PNG bytes as base64 text, as a page holds them."""
    return [(text, b64encode(png).decode()) for text, png in pictures]


def duration(seconds):
    """A wall time to read.

    >>> duration(221.4), duration(4.25), duration(7384)
    ('3 min 41 s', '4.2 s', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def tiles(report):
    """The largest figures: list of `(value, label)`, both str."""
    found = []
    if report.tables:
        table = next(iter(report.tables.values()))
        for direction, words in DIRECTIONS.items():
            for recall in ("r1", "r5"):
                value = f"{100 * table[direction][recall]:.1f} %"
                found.append((value, f"{words} {RECALLS[recall]}"))
        found.append((f"{table['rsum']:.1f}", "rsum, of 600"))
    if report.grounding:
        accuracy, chance = (100 * report.grounding[n] for n in ("accuracy", "chance"))
        label = f"nouns grounded (chance {chance:.1f}\u00a0%)"
        found.append((f"{accuracy:.1f} %", label))
    if report.exports:
        worst = max(artifact["max_abs_error"] for artifact in report.exports)
        label = f"largest error of {len(report.exports)} exports"
        found.append((f"{worst:.1e}", label))
    if report.seconds:
        found.append((duration(sum(report.seconds.values())), "wall time"))
    return found


def recall_rows(tables):
    """Two rows a model: its name, a direction, recalls, ranks from 1, rsum."""
    return [
        [
            name if first else "",
            words,
            *(f"{100 * table[direction][recall]:.1f}" for recall in RECALLS),
            f"{table[direction]['median_rank'] + 1:.1f}",
            f"{table[direction]['mean_rank'] + 1:.1f}",
            f"{table['rsum']:.1f}" if first else "",
        ]
        for name, table in tables.items()
        for (direction, words), first in zip(
            DIRECTIONS.items(), (True, False), strict=True
        )
    ]


def charts(history):
    """Yields a chart of the loss, of the recalls and of rsum, as far as there are any."""
    losses = {name: history[name] for name in ("loss", "val_loss") if name in history}
    recalls = {
        f"{words} {label}": [100 * v for v in history[f"val_{direction}_{recall}"]]
        for direction, words in DIRECTIONS.items()
        for recall, label in RECALLS.items()
        if f"val_{direction}_{recall}" in history
    }
    rsum = {"rsum": history["val_rsum"]} if "val_rsum" in history else {}
    if any(losses.values()):
        yield line_chart(losses, "Loss", low=0)
    if any(recalls.values()):
        yield line_chart(recalls, "Validation recall, per cent", low=0, high=100)
    if any(rsum.values()):
        yield line_chart(rsum, "Validation rsum", low=0)


def line_chart(series, title, low=None, high=None):
    """Where the lines of a chart lie, in shares of its axes; the template draws them.

    Args:
        series: dict, name -> list of float, one value an epoch from epoch 1. A value
            that is None or not finite leaves a gap.
        title: str, what the chart shows.
        low: float, where the axis starts; None for a round number below the values.
        high: float, where it ends; None for a round number above them.

    Returns:
        dict of `title`; `rules`, a list of `(y, number)`; `epochs`, of `(x, epoch)`; and
        `lines`, of `(name, runs)`. A run is a list of `(x, y, epoch, value)` without a
        gap. x goes from 0 (left) to 1, y from 0 (bottom) to 1.

    Raises:
        ValueError: there is nothing finite to draw.
    """
    drawn = {name: runs_of(line) for name, line in series.items()}
    values = [value for runs in drawn.values() for run in runs for _, value in run]
    if not values:
        raise ValueError(f"chart {title!r} has no finite value to draw.")
    ticks = round_ticks(
        min(values) if low is None else low, max(values) if high is None else high
    )
    epochs = max(map(len, series.values()))

    def x(epoch):
        return (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5

    def y(value):
        return (value - ticks[0]) / (ticks[-1] - ticks[0])

    return {
        "title": title,
        "rules": [(y(tick), tick) for tick in ticks],
        "epochs": [(x(n), n) for n in range(1, epochs + 1, ceil(epochs / 10))],
        "lines": [
            (name, [[(x(n), y(value), n, value) for n, value in run] for run in runs])
            for name, runs in drawn.items()
        ],
    }


def runs_of(line):
    """The finite values between gaps: list of lists of `(epoch, value)`.

    >>> runs_of([3.0, None, 2.0, 1.0])
    [[(1, 3.0)], [(3, 2.0), (4, 1.0)]]
    """
    found = [[]]
    for epoch, value in enumerate(line, 1):
        if value is not None and isfinite(value):
            found[-1].append((epoch, value))
        else:
            found.append([])
    return [run for run in found if run]


def round_ticks(low, high, most=6):
    """Round, evenly spaced numbers that span an interval.

    Args:
        low: float.
        high: float, not below `low`.
        most: int. About how many to give.

    Returns:
        list of at least two floats, the first at most `low`, the last at least `high`.

    >>> round_ticks(0.13, 0.9)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** floor(log10(span / (most - 1)))
    step = next(n * power for n in (1, 2, 5, 10, 20) if span <= n * power * (most - 1))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]
