"""The figures of grounding as aligned text: per cent."""

from keras_teran.evaluation._grounding_figures import FIGURES, POINTS
from keras_teran.evaluation._protocol_table import align_columns

_NAMES = {
    "pointing": "pointing, best region",
    "heat_map": "pointing, heat map",
    "r1": "R@1, IoU 0.5",
    "r5": "R@5, IoU 0.5",
    "r10": "R@10, IoU 0.5",
}


def format_grounding(figures):
    """Figures as text.

    Args:
        figures: dict, the `figures` of a `GroundingResult`.

    Returns:
        str of several lines: what was measured, a table of the figures beside the photo's
        center, chance and the best that the regions allow, a table by type where types
        are known, the mean cosine of two regions of an image, and what was left out.
    """
    head = (
        f"grounding: {figures['phrases']:,} phrases of {figures['images']:,} images, "
        f"{figures['boxes']} boxes; per cent [95 % interval, bootstrap over images]"
    )
    lines = [head, *align_columns(grounding_rows(figures))]
    if figures["types"]:
        lines += ["", *align_columns(_types(figures["types"]))]
    lines.append("")
    if cosine := figures["region_cosine"]:
        low, high = cosine["interval"]
        lines.append(
            "mean cosine of two regions of an image: "
            f"{cosine['value']:.3f} [{low:.3f}, {high:.3f}]"
        )
    return "\n".join([*lines, *_left_out(figures)]).rstrip()


def grounding_rows(figures):
    """Figures as rows of texts, for a report: per cent, with intervals.

    Args:
        figures: dict, the `figures` of a `GroundingResult`.

    Returns:
        list of lists of str, the first with the heads of the columns.
    """
    heads = ["model", "photo's center", "model minus center", "chance", "best possible"]
    return [["", *heads], *_rows(figures)]


def _rows(figures):
    for name in FIGURES:
        center = ["–", "–"]
        if name in POINTS:
            minus = figures["minus_center"][name]
            center = [_ends(figures["center"]), _ends(minus, "+")]
        yield [
            _NAMES[name],
            _ends(figures["figures"][name]),
            *center,
            *(
                f"{100 * figures[beside][name]:.1f}" if name in figures[beside] else "–"
                for beside in ("chance", "best_possible")
            ),
        ]


def _types(types):
    yield ["type", "phrases", *(_NAMES[name] for name in FIGURES), "photo's center"]
    for kind, told in types.items():
        cells = [_ends(told[name]) for name in (*FIGURES, "center")]
        yield [kind, f"{told['phrases']:,}", *cells]


def _ends(told, sign=""):
    low, high = (format(100 * end, f"{sign}.1f") for end in told["interval"])
    return f"{format(100 * told['value'], f'{sign}.1f')} [{low}, {high}]"


def _left_out(figures):
    left = figures["left_out"]
    if left["cut"]:
        yield (
            f"left out: {left['cut']:,} phrases that the tokenizer cuts off (max_length "
            f"{figures['max_length']})"
        )
    if left["unscored"]:
        yield (
            f"left out: {left['unscored']:,} phrases of which no word takes part in the "
            "score"
        )
