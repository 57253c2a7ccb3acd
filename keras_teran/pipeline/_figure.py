"""Word–region pictures: an explanation as a PNG, with matplotlib's Agg canvas.

Only matplotlib's objects are used, never pyplot, so nothing global changes. Lengths
are inches, from the bottom left of the figure.
"""

import os
from io import BytesIO
from pathlib import Path

import numpy as np

from keras_teran import _io

# Told apart on a photograph and on white, neighbours far from each other in hue.
COLOURS = (
    "#d81b60",
    "#1565c0",
    "#2e7d32",
    "#ef6c00",
    "#6a1b9a",
    "#00838f",
    "#b71c1c",
    "#5d4037",
    "#3949ab",
    "#827717",
)
DOTS_PER_INCH = 120
WIDTH = 11.0
MARGIN = 0.25
BODY = 5.0
PICTURE_WIDTH = 5.4
COLUMN_LABELS = 0.95
TITLE = 0.3
MOST_ROWS = 36
INK = "#1f2328"
FAINT = "#6e7781"


def draw(explanation, picture=None, path=None, phrase=None):
    """Paint an explanation: the words, the regions they chose, their cosines.

    A chosen region has one colour and its number (its row in `boxes`, from 0)
    everywhere: on the words that chose it, on its box and in the heat map. Over 36
    regions, the heat map shows the chosen ones and those of the highest cosines.

    Args:
        explanation: `keras_teran.pipeline._explain.Explanation`.
        picture: uint8 array (height, width, 3), the path of an image file, or None for
            a blank canvas that shows all boxes.
        path: where to write the PNG, or None.
        phrase: a word or phrase, see `Explanation.phrase_cosines`: its heat map over the
            picture stands in place of the cosines. None for the cosines.

    Returns:
        bytes: the PNG.

    Raises:
        ValueError: `picture` is an array of another shape or dtype, or a file that is
            no image; or `phrase` is not in the caption.
        FileNotFoundError: `picture` names no file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pixels = None if picture is None else _pixels(picture)
    colours = region_colours(explanation.chosen)
    figure = Figure(figsize=(WIDTH, BODY), dpi=DOTS_PER_INCH, facecolor="white")
    chips, strip = _lay_out_words(FigureCanvasAgg(figure), explanation)
    figure.set_figheight(strip + BODY + 2 * MARGIN)
    _draw_words(figure, chips, explanation, colours)
    _draw_picture(figure, explanation, pixels, colours)
    if phrase is None:
        _draw_cosines(figure, explanation, colours)
    else:
        _draw_heat(figure, explanation, phrase, pixels)
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    if path is not None:
        with _io.whole_file(path) as aside:
            aside.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def region_colours(chosen):
    """One colour for each chosen region, in the order of the words.

    Args:
        chosen: int, (words,). The region each word chose.

    Returns:
        dict: region -> "#rrggbb"; after ten regions colours repeat.

    >>> region_colours([7, 2, 7])
    {7: '#d81b60', 2: '#1565c0'}
    """
    regions = dict.fromkeys(int(region) for region in chosen)
    return {region: COLOURS[n % len(COLOURS)] for n, region in enumerate(regions)}


def _pixels(picture):
    if isinstance(picture, str | os.PathLike):
        return _read_picture(Path(picture))
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(
            "picture must be uint8 (height, width, 3), a file or None, got "
            f"{picture.dtype} {picture.shape}."
        )
    return picture


def _read_picture(path):
    from PIL import Image, UnidentifiedImageError

    if not path.is_file():
        raise FileNotFoundError(f"picture {path} does not exist: give an image file.")
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:
        raise ValueError(f"picture {path} is not an image file.") from None


def _lay_out_words(canvas, explanation):
    """Place the words in lines: [(left, line, width, word, note)], height in inches."""
    chips, left, line = [], MARGIN, 0
    for index, word in enumerate(explanation.words):
        region = explanation.chosen[index]
        note = f"{region}: {explanation.cosines[region, index]:.2f}"
        word = _shortened(word, 40)
        width = 0.16 + max(
            _text_width(canvas, word, 12, "bold"), _text_width(canvas, note, 8)
        )
        if left + width > WIDTH - MARGIN and left > MARGIN:
            left, line = MARGIN, line + 1
        chips.append((left, line, width, word, note))
        left += width + 0.09
    return chips, 0.35 + 0.56 * (line + 1)


def _text_width(canvas, text, size, weight="normal"):
    from matplotlib.text import Text

    label = Text(0, 0, text, size=size, weight=weight, parse_math=False)
    label.set_figure(canvas.figure)
    return label.get_window_extent(canvas.get_renderer()).width / DOTS_PER_INCH


def _axes(figure, left, bottom, width, height, **settings):
    total = figure.get_figheight()
    place = (left / WIDTH, bottom / total, width / WIDTH, height / total)
    return figure.add_axes(place, **settings)


def _draw_words(figure, chips, explanation, colours):
    from matplotlib.patches import FancyBboxPatch

    top = figure.get_figheight()
    page = _axes(figure, 0, 0, WIDTH, top, xlim=(0, WIDTH), ylim=(0, top))
    page.set_axis_off()
    title = (
        f"{explanation.pooling} score {explanation.score:.2f}   ·   under each word: "
        "the region it chose, and their cosine"
    )
    page.text(MARGIN, top - 0.3, title, size=9, color=FAINT)
    for (left, line, width, word, note), region in zip(
        chips, explanation.chosen, strict=True
    ):
        colour = colours[int(region)]
        bottom = top - 0.4 - 0.56 * line - 0.3
        chip = FancyBboxPatch(
            (left, bottom),
            width,
            0.3,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor=colour,
            edgecolor="none",
        )
        page.add_patch(chip)
        centre = left + width / 2
        styles = {"ha": "center", "parse_math": False}
        page.text(
            centre,
            bottom + 0.145,
            word,
            size=12,
            weight="bold",
            color="white",
            va="center_baseline",
            **styles,
        )
        page.text(centre, bottom - 0.14, note, size=8, color=colour, **styles)


def _draw_picture(figure, explanation, pixels, colours):
    height, width = (1.0, 1.0) if pixels is None else pixels.shape[:2]
    scale = min(PICTURE_WIDTH / width, BODY / height)
    shown = (width * scale, height * scale)
    left = MARGIN + (PICTURE_WIDTH - shown[0]) / 2
    view = {"xlim": (0, shown[0]), "ylim": (shown[1], 0), "xticks": [], "yticks": []}
    axes = _axes(figure, left, MARGIN + BODY - shown[1], *shown, **view)
    for spine in axes.spines.values():
        spine.set_color("#d0d7de")
    if pixels is not None:
        axes.imshow(pixels, extent=(0, shown[0], shown[1], 0), aspect="auto")
    else:
        axes.set_facecolor("#f6f8fa")
        for box in explanation.boxes[explanation.region_mask]:
            _draw_box(axes, box * np.tile(shown, 2), "#c9d1d9", 0.8)
    taken = []
    for region, colour in _largest_first(explanation.boxes, colours):
        box = explanation.boxes[region] * np.tile(shown, 2)
        if pixels is not None:
            _draw_box(axes, box, "white", 4.5)
        _draw_box(axes, box, colour, 2.4)
    for region, colour in _largest_first(explanation.boxes, colours)[::-1]:
        box = explanation.boxes[region] * np.tile(shown, 2)
        _draw_tag(axes, str(region), box, colour, shown, taken)


def _largest_first(boxes, colours):
    def area(item):
        x0, y0, x1, y1 = boxes[item[0]]
        return (x1 - x0) * (y1 - y0)

    return sorted(colours.items(), key=area, reverse=True)


def _draw_box(axes, box, colour, line_width):
    from matplotlib.patches import Rectangle

    x0, y0, x1, y1 = box
    axes.add_patch(
        Rectangle(
            (x0, y0),
            x1 - x0,
            y1 - y0,
            fill=False,
            edgecolor=colour,
            linewidth=line_width,
            clip_on=False,
        )
    )


def _draw_tag(axes, text, box, colour, shown, taken):
    """The region's number on its box's edge, where no other number stands yet."""
    from matplotlib.patches import Rectangle

    width, height = 0.1 + 0.095 * len(text), 0.22
    x0, y0, x1, y1 = box
    across = np.arange(x0, max(x1 - width, x0) + 1e-6, width / 2)
    down = np.arange(y0, max(y1 - height, y0) + 1e-6, height / 2)
    places = [(x, y0) for x in across] + [(x0, y) for y in down]
    places += [(x1 - width, y) for y in down] + [(x, y1 - height) for x in across]
    places = [
        (np.clip(x, 0, shown[0] - width), np.clip(y, 0, shown[1] - height))
        for x, y in places
    ]
    left, top = next((p for p in places if _free(p, width, height, taken)), places[0])
    taken.append((left, top, width, height))
    tag = Rectangle(
        (left, top), width, height, facecolor=colour, edgecolor="white", linewidth=0.8
    )
    axes.add_patch(tag)
    axes.text(
        left + width / 2,
        top + height / 2,
        text,
        size=9,
        weight="bold",
        color="white",
        ha="center",
        va="center_baseline",
    )


def _free(place, width, height, taken):
    left, top = place
    return all(
        left + width <= x or x + w <= left or top + height <= y or y + h <= top
        for x, y, w, h in taken
    )


def _draw_cosines(figure, explanation, colours):
    rows = heat_map_rows(explanation)
    words = [_shortened(word, 14) for word in explanation.words]
    left = MARGIN + PICTURE_WIDTH + 0.75
    width, height = WIDTH - left - 0.95, BODY - COLUMN_LABELS
    axes = _axes(figure, left, MARGIN + COLUMN_LABELS, width, height)
    shown = axes.imshow(explanation.cosines[rows], aspect="auto", cmap="viridis")
    row_size, column_size = 72 * height / len(rows), 72 * width / len(words)
    axes.set_yticks(range(len(rows)), rows, size=min(9, 0.85 * row_size))
    axes.set_ylabel("region", color=FAINT, size=9)
    axes.set_xticks(
        range(len(words)),
        words,
        size=min(10, 0.85 * column_size),
        rotation=90 if column_size < 20 else 45,
        ha="right",
        va="center" if column_size < 20 else "top",
        rotation_mode="anchor",
        parse_math=False,
    )
    axes.tick_params(length=0, pad=3)
    for label, region in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(colours.get(region, FAINT))
        label.set_weight("bold" if region in colours else "normal")
    for label, region in zip(axes.get_xticklabels(), explanation.chosen, strict=True):
        label.set_color(colours[int(region)])
    for column, region in enumerate(explanation.chosen):
        row = rows.index(region)
        cell = (column - 0.5, row - 0.5, column + 0.5, row + 0.5)
        _draw_box(axes, cell, "white", 2.6)
        _draw_box(axes, cell, INK, 1.2)
    bar = _axes(figure, left + width + 0.15, MARGIN + COLUMN_LABELS, 0.14, height)
    figure.colorbar(shown, cax=bar)
    bar.tick_params(labelsize=8, length=2, colors=FAINT)
    bar.set_title("cosine", size=8, color=FAINT, pad=5)
    for spine in (*axes.spines.values(), *bar.spines.values()):
        spine.set_visible(False)


def _draw_heat(figure, explanation, phrase, pixels):
    """The heat map of a phrase over the picture, at the right."""
    height, width = (1.0, 1.0) if pixels is None else pixels.shape[:2]
    most = WIDTH - PICTURE_WIDTH - 3 * MARGIN, BODY - TITLE
    scale = min(most[0] / width, most[1] / height)
    shown = (width * scale, height * scale)
    left = WIDTH - MARGIN - most[0] + (most[0] - shown[0]) / 2
    axes = _axes(figure, left, MARGIN + most[1] - shown[1], *shown)
    axes.set_axis_off()
    extent = (0, 1, 1, 0)
    if pixels is not None:
        axes.imshow(pixels, extent=extent, aspect="auto")
    heat = explanation.heat_map(phrase)
    over = {"cmap": "inferno", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    see_through = 1 if pixels is None else 0.35 + 0.4 * heat
    axes.imshow(heat, extent=extent, aspect="auto", alpha=see_through, **over)
    start, end = explanation.span_of(phrase)
    text = _shortened(explanation.caption[start:end], 40)
    axes.set_title(f"heat map of: {text}", size=9, color=FAINT, parse_math=False)


def heat_map_rows(explanation, most=MOST_ROWS):
    """The regions that the heat map shows, in order.

    Args:
        explanation: `keras_teran.pipeline._explain.Explanation`.
        most: int. Above it only the chosen regions and the highest cosines stay.

    Returns:
        list of int.
    """
    real = np.flatnonzero(explanation.region_mask)
    order = real[np.argsort(-explanation.cosines[real].max(axis=1), kind="stable")]
    chosen = dict.fromkeys(int(region) for region in explanation.chosen)
    kept = list(dict.fromkeys([*chosen, *order.tolist()]))
    return sorted(kept[: max(most, len(chosen))])


def _shortened(word, length):
    return word if len(word) <= length else word[: length - 1] + "…"
