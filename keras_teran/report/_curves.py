"""Line charts as SVG text, coloured by the page that they stand in."""

from html import escape
from math import ceil, floor, isfinite, log10

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 40


def line_chart(series, title, low=None, high=None):
    """Draw values by epoch.

    Lines get the classes `line line-0`, `line-1` ... in order, text the class `axis`,
    rules the class `rule`: the page's style sheet colours them, so one chart serves a
    light and a dark page.

    Args:
        series: dict, name -> list of float, one value an epoch from epoch 1. A value
            that is None or not finite leaves a gap.
        title: str, what the chart shows, for screen readers.
        low: float, where the axis starts; None for a round number below the values.
        high: float, where it ends; None for a round number above them.

    Returns:
        str: an `<svg>` element.

    Raises:
        ValueError: there is nothing finite to draw.

    >>> line_chart({"loss": [3.0, 2.0]}, "Loss").count("<polyline")
    1
    """
    values = [value for line in series.values() for value in line if _drawn(value)]
    if not values:
        raise ValueError(f"chart {title!r} has no finite value to draw.")
    ticks = round_ticks(
        min(values) if low is None else low, max(values) if high is None else high
    )
    epochs = max(map(len, series.values()))

    def place(epoch, value):
        share = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        height = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return (
            LEFT + share * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - height * (HEIGHT - TOP - BOTTOM),
        )

    parts = [_rules(ticks, place, epochs), _epoch_labels(place, ticks, epochs)]
    parts += [
        _line(number, name, line, place) for number, (name, line) in _numbered(series)
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


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


def _drawn(value):
    return value is not None and isfinite(value)


def _numbered(series):
    return enumerate(series.items())


def _text(x, y, text, anchor):
    return (
        f'<text class="axis" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _rules(ticks, place, epochs):
    parts = []
    for tick in ticks:
        y = place(1, tick)[1]
        parts.append(
            f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>' + _text(LEFT - 6, y + 4, f"{tick:g}", "end")
        )
    return "".join(parts)


def _epoch_labels(place, ticks, epochs):
    step = max(1, ceil(epochs / 10))
    bottom = place(1, ticks[0])[1]
    labels = [
        _text(place(epoch, ticks[0])[0], bottom + 16, str(epoch), "middle")
        for epoch in range(1, epochs + 1, step)
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    return "".join(labels) + _text(middle, HEIGHT - 6, "epoch", "middle")


def _line(number, name, values, place):
    points = {
        epoch: place(epoch, value)
        for epoch, value in enumerate(values, 1)
        if _drawn(value)
    }
    runs, last = [], None
    for epoch, (x, y) in points.items():
        if last != epoch - 1:
            runs.append([])
        runs[-1].append(f"{x:.1f},{y:.1f}")
        last = epoch
    lines = "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3">'
        f"<title>{escape(name)}, epoch {epoch}: {values[epoch - 1]:.4g}</title></circle>"
        for epoch, (x, y) in points.items()
    )
    return f'<g class="line line-{number}">{lines}{dots}</g>'
