"""The result of a probe: rows of figures that stand together, and single cases."""

from dataclasses import dataclass


class Figures:
    """All figures of one kind of items, together.

    There is no way to one of them alone: `str(figures)` and `plain()` give all. Of
    half-truths that matters: under a sum over words "true above wrong" may be high and
    "falls by the wrong" 0, and under a mean both rise while "falls by the true" says
    that every addition lowers the score.

    Args:
        names: list of str.
        values: float, (figures,), fractions.
        intervals: float, (2, figures): low and high ends of the 95 % interval; None for
            none.
        chances: float, (figures,), fractions.
    """

    __slots__ = ("_rows",)

    def __init__(self, names, values, intervals, chances):
        if intervals is None:
            ends = [None] * len(names)
        else:
            ends = [
                [float(low), float(high)] for low, high in zip(*intervals, strict=True)
            ]
        self._rows = tuple(
            zip(names, map(float, values), ends, map(float, chances), strict=True)
        )

    def plain(self):
        """All figures, as plain values.

        Returns:
            dict of figure -> dict of `value`, `interval` ([low, high], or None) and
            `chance`, fractions.
        """
        return {
            name: {"value": value, "interval": ends, "chance": chance}
            for name, value, ends, chance in self._rows
        }

    def cells(self):
        """All figures as texts, per cent: list of "78.2 [75.0, 81.3], chance 50.0"."""
        return [
            f"{100 * value:.1f}"
            + ("" if ends is None else f" [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]")
            + f", chance {100 * chance:.1f}"
            for _, value, ends, chance in self._rows
        ]

    def __str__(self):
        names = (name for name, *_ in self._rows)
        return "; ".join(
            f"{name} {cell}" for name, cell in zip(names, self.cells(), strict=True)
        )

    def __repr__(self):
        return f"Figures({self})"


@dataclass(frozen=True)
class ProbeRow:
    """The figures of the items of one kind.

    Attributes:
        kind: str.
        items: int, how many.
        images: int, of how many images, or pairs of images.
        longer: float, a fraction: of the items, how many a rule that takes the caption
            with the most tokens would answer right; of n longest ones it takes each with
            chance 1/n. Under a sum over words a long caption has an advantage. None
            where that means nothing.
        figures: `Figures`.
    """

    kind: str
    items: int
    images: int
    longer: float | None
    figures: Figures


@dataclass(frozen=True)
class ProbeCase:
    """One item and how it was answered.

    Attributes:
        kind: str.
        images: tuple of str or int, the images as the probe names them.
        right, wrong: tuple of str, the captions.
        margin: float, by which the right captions stand above the wrong ones; below 0
            where the answer is wrong.
    """

    kind: str
    images: tuple
    right: tuple
    wrong: tuple
    margin: float


@dataclass(frozen=True)
class ProbeResult:
    """What `probe` found.

    Attributes:
        name: str, the probe.
        rule: str, see `probe`.
        figure_names: tuple of str.
        rows: tuple of `ProbeRow`: all items, where that means something, then each kind
            in the order of the set, then the mean over kinds.
        worst: tuple of `ProbeCase`, the lowest margins, lowest first.
        best: tuple of `ProbeCase`, the highest margins, highest first.
        notes: tuple of str, what a reader of the figures has to know.
    """

    name: str
    rule: str
    figure_names: tuple
    rows: tuple
    worst: tuple
    best: tuple
    notes: tuple

    def plain(self):
        """Everything as plain values, for JSON: a dict."""
        return {
            "probe": self.name,
            "rule": self.rule,
            "rows": [
                {
                    "kind": row.kind,
                    "items": row.items,
                    "images": row.images,
                    "longer": row.longer,
                    "figures": row.figures.plain(),
                }
                for row in self.rows
            ],
            "worst": [_plain_case(case) for case in self.worst],
            "best": [_plain_case(case) for case in self.best],
            "notes": list(self.notes),
        }


def _plain_case(case):
    return {
        "kind": case.kind,
        "images": list(case.images),
        "right": list(case.right),
        "wrong": list(case.wrong),
        "margin": case.margin,
    }
