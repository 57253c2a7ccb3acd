"""The report of a run: one HTML file that needs nothing beside it."""

from base64 import b64encode
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from keras_teran._io import write_text
from keras_teran.report._curves import line_chart

_DIRECTIONS = {"image_to_text": "image → text", "text_to_image": "text → image"}
_RECALLS = {"r1": "R@1", "r5": "R@5", "r10": "R@10"}


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
        tables: dict, name of a model -> dict from `recall_table`. The first is the
            model of the run, the others stand below to compare.
        tables_note: str, a line under the tables: on which images.
        grounding: dict from `grounding_accuracy`: `accuracy`, `chance`, fractions, and
            `nouns`, int.
        pictures: list of `(caption, png)`: str, and bytes from `pipeline.draw`.
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
    pictures: list = field(default_factory=list)
    exports: list = field(default_factory=list)
    versions: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)
    next_commands: list = field(default_factory=list)


def write_report(path, report):
    """Write a report as one self-contained HTML file.

    Styles, charts (SVG) and pictures (PNG) are inside; it loads nothing, runs no
    script, and suits narrow screens, light and dark. All text is escaped. Recalls are
    printed in per cent, ranks from 1.

    Args:
        path: where to write; its folder must exist.
        report: `Report`, whose attributes say what each part takes.

    Returns:
        Path: the file written.

    Raises:
        FileNotFoundError: the folder of `path` does not exist.

    Example:

        write_report("report.html", Report(
            title="A tiny TERAN on the embedded set",
            summary=["Trained for 8 epochs on 2,000 drawn scenes."],
            history=history.history,
            tables={"TERAN": table, "bag of words": bag_table},
            grounding=grounding_accuracy(model, tokenizer, test_set),
            pictures=[(caption, draw(explanation, picture))],
            exports=manifest["artifacts"],
            versions={"keras": keras.__version__},
            seconds={"train": 140.2, "evaluate": 8.0},
            next_commands=[("python examples/search.py RUN 'a red dog'", "search")],
        ))
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} of the report does not exist: make it first."
        )
    sections = (
        ("", _tiles(report)),
        ("Retrieval", _tables(report)),
        ("Training", _charts(report.history)),
        ("Grounding", _grounding(report.grounding)),
        ("Which region each word chose", _pictures(report.pictures)),
        ("Exported files", _exports(report.exports)),
        ("What to try next", _commands(report.next_commands)),
        ("The run", _facts(report)),
    )
    body = "\n".join(_section(title, content) for title, content in sections if content)
    template = files("keras_teran").joinpath("report.html").read_text("utf-8")
    page = Template(template).substitute(
        title=escape(report.title),
        summary="".join(f"<p>{escape(text)}</p>" for text in report.summary),
        body=body,
    )
    write_text(path, page)
    return path


def format_seconds(seconds):
    """A wall time to read.

    >>> format_seconds(221.4), format_seconds(4.25), format_seconds(7384)
    ('3 min 41 s', '4.2 s', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _section(title, content):
    if not title:
        return content
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def _per_cent(fraction):
    return f"{100 * fraction:.1f}"


def _tiles(report):
    tiles = []
    if report.tables:
        table = next(iter(report.tables.values()))
        for direction, words in _DIRECTIONS.items():
            for recall in ("r1", "r5"):
                value = f"{_per_cent(table[direction][recall])} %"
                tiles.append((value, f"{words} {_RECALLS[recall]}"))
        tiles.append((f"{table['rsum']:.1f}", "rsum, of 600"))
    if report.grounding:
        chance = _per_cent(report.grounding["chance"])
        value = f"{_per_cent(report.grounding['accuracy'])} %"
        tiles.append((value, f"nouns grounded (chance {chance}\u00a0%)"))
    if report.exports:
        worst = max(artifact["max_abs_error"] for artifact in report.exports)
        tiles.append(
            (f"{worst:.1e}", f"largest error of {len(report.exports)} exports")
        )
    if report.seconds:
        tiles.append((format_seconds(sum(report.seconds.values())), "wall time"))
    inside = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(label)}</span></div>'
        for value, label in tiles
    )
    return inside and f'<div class="tiles">{inside}</div>'


def _table(heads, rows, first="model"):
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f'<tr><td class="{first}">{escape(row[0])}</td>'
        + "".join(f"<td>{escape(text)}</td>" for text in row[1:])
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _tables(report):
    if not report.tables:
        return ""
    heads = ["", "", *_RECALLS.values(), "median rank", "mean rank", "rsum"]
    rows = []
    for name, table in report.tables.items():
        for direction, words in _DIRECTIONS.items():
            row, first = table[direction], direction == "image_to_text"
            rows.append(
                [
                    name if first else "",
                    words,
                    *(_per_cent(row[recall]) for recall in _RECALLS),
                    f"{row['median_rank'] + 1:.1f}",
                    f"{row['mean_rank'] + 1:.1f}",
                    f"{table['rsum']:.1f}" if first else "",
                ]
            )
    note = "Recall in per cent; rank 1 is best; ties count against the model."
    note = f"{note} {report.tables_note}".strip()
    return _table(heads, rows) + f'<p class="faint">{escape(note)}</p>'


def _charts(history):
    recalls = {
        f"{words} {label}": [100 * v for v in history[f"val_{direction}_{recall}"]]
        for direction, words in _DIRECTIONS.items()
        for recall, label in _RECALLS.items()
        if f"val_{direction}_{recall}" in history
    }
    losses = {name: history[name] for name in ("loss", "val_loss") if name in history}
    rsum = {"rsum": history["val_rsum"]} if "val_rsum" in history else {}
    charts = (
        ("Loss", losses, {"low": 0}),
        ("Validation recall, per cent", recalls, {"low": 0, "high": 100}),
        ("Validation rsum", rsum, {"low": 0}),
    )
    inside = "".join(
        f"<div><h3>{escape(title)}</h3>{_legend(series)}"
        f"{line_chart(series, title, **limits)}</div>"
        for title, series, limits in charts
        if any(series.values())
    )
    return inside and f'<div class="charts">{inside}</div>'


def _legend(series):
    if len(series) < 2:
        return ""
    keys = "".join(
        f'<span class="{"dashed" if number > 2 else "solid"}" '
        f'style="--key: var(--c{number})">{escape(name)}</span>'
        for number, name in enumerate(series)
    )
    return f'<div class="legend">{keys}</div>'


def _grounding(grounding):
    if not grounding:
        return ""
    accuracy, chance = grounding["accuracy"], grounding["chance"]
    return (
        f"<p><b>{_per_cent(accuracy)} %</b> of {grounding['nouns']:,} nouns chose a "
        "region that holds the object they mean; a region chosen at random would in "
        f"{_per_cent(chance)} %.</p>"
    )


def _pictures(pictures):
    return "".join(
        f'<figure><figcaption>{escape(caption)}</figcaption><div class="scroll">'
        f'<img alt="{escape(f"Regions chosen by the words of: {caption}")}" '
        f'src="data:image/png;base64,{b64encode(png).decode()}"></div></figure>\n'
        for caption, png in pictures
    )


def _exports(exports):
    if not exports:
        return ""
    rows = [
        (one["path"], f"{one['bytes'] / 1e6:.2f} MB", f"{one['max_abs_error']:.1e}")
        for one in exports
    ]
    note = "Error: the largest difference of any output from Keras, on the same inputs."
    heads = ["file", "size", "error"]
    return _table(heads, rows, "words") + f'<p class="faint">{note}</p>'


def _commands(commands):
    return "".join(
        f"<div>{escape(purpose)}</div><pre>{escape(command)}</pre>"
        for command, purpose in commands
    )


def _facts(report):
    facts = dict(report.facts)
    for stage, seconds in report.seconds.items():
        facts[f"time to {stage}"] = format_seconds(seconds)
    facts |= report.versions
    inside = "".join(
        f"<dt>{escape(str(label))}</dt><dd>{escape(str(text))}</dd>"
        for label, text in facts.items()
    )
    return inside and f'<dl class="facts">{inside}</dl>'
